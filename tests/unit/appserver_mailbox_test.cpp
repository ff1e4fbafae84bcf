// What goes through a mailbox's ring, what through its socket, and what is taken back of both.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "appserver/mailbox.h"
#include "appserver/request_ring_reader.h"

using namespace edge;

namespace {

using Found = RequestRingReader::Found;
using Sent = Mailbox::Sent;

struct Box {
  std::unique_ptr<wire::RequestRing> shared = std::make_unique<wire::RequestRing>();
  Mailbox mailbox = *Mailbox::open(*shared);

  Sent send(std::uint64_t sequence, std::size_t packet = 100, int file = -1) {
    return mailbox.send({.sequence = sequence}, std::string(packet, 'x'), {}, file);
  }
  std::uint64_t take_back() {
    const auto header = mailbox.take_back();
    return header ? header->sequence : 0;
  }
  /// What the worker finds in the socket next.
  std::optional<wire::RequestHeader> in_socket(int flags = 0) const {
    wire::RequestHeader header;
    if (recv(mailbox.worker_end(), &header, sizeof header, MSG_DONTWAIT | flags) < ssize_t{sizeof header})
      return std::nullopt;
    return header;
  }
};

struct OpenBox : Box {
  RequestRingReader ring{*shared};
  std::unique_ptr<char[]> buffer = std::make_unique<char[]>(wire::RequestRing::kSize);

  Found read() {
    std::size_t size = 0;
    return ring.read(buffer.get(), size);
  }
};

constexpr std::size_t kLarge = 5000;  // more than the ring takes

}  // namespace

TEST_CASE("mailbox: before its ring is read, and for ASGI, everything goes through the socket") {
  Box box;
  CHECK(box.send(1) == Sent::sent);
  CHECK(box.send(2, kLarge) == Sent::sent);
  CHECK(box.shared->tail == 0);
  CHECK(box.take_back() == 1);
  const auto message = box.in_socket();
  REQUIRE(message);
  CHECK(message->sequence == 2);
  CHECK(box.take_back() == 0);
}

TEST_CASE("mailbox: a thread that is awake gets its requests without a message") {
  OpenBox box;
  CHECK(box.send(1) == Sent::sent);
  CHECK(box.send(2) == Sent::sent);
  CHECK_FALSE(box.in_socket());
  CHECK(box.read() == Found::request);
  CHECK(box.read() == Found::request);
  CHECK(box.read() == Found::nothing);
}

TEST_CASE("mailbox: a thread that sleeps gets one bell for all") {
  OpenBox box;
  box.ring.begin_wait();
  CHECK(box.send(1) == Sent::sent);
  CHECK(box.send(2) == Sent::sent);
  const auto bell = box.in_socket();
  REQUIRE(bell);
  CHECK(bell->flags == wire::kBell);
  CHECK_FALSE(box.in_socket());
}

TEST_CASE("mailbox: a large request has its turn between small ones") {
  OpenBox box;
  CHECK(box.send(1) == Sent::sent);
  CHECK(box.send(2, kLarge) == Sent::sent);
  CHECK(box.send(3) == Sent::sent);
  CHECK(box.read() == Found::request);
  CHECK(box.read() == Found::in_socket);
  const auto message = box.in_socket();
  REQUIRE(message);
  CHECK(message->sequence == 2);
  CHECK(box.read() == Found::request);
}

TEST_CASE("mailbox: taken back in order, small or large, and one with a file") {
  OpenBox box;
  const int file = memfd_create("body", 0);
  REQUIRE(file >= 0);
  CHECK(box.send(1, kLarge) == Sent::sent);
  CHECK(box.send(2) == Sent::sent);
  CHECK(box.send(3, 100, file) == Sent::sent);
  CHECK(box.send(4) == Sent::sent);
  close(file);
  for (const std::uint64_t sequence : {1u, 2u, 3u, 4u, 0u}) CHECK(box.take_back() == sequence);
  CHECK_FALSE(box.in_socket());
}

TEST_CASE("mailbox: what is no request stays for the worker when a large request is taken back") {
  OpenBox box;
  box.ring.begin_wait();
  CHECK(box.send(1) == Sent::sent);  // rings
  CHECK(box.mailbox.send_question() == Sent::sent);
  CHECK(box.mailbox.send_quit() == Sent::sent);
  CHECK(box.send(2, kLarge) == Sent::sent);
  CHECK(box.take_back() == 1);
  CHECK(box.take_back() == 2);
  CHECK(box.take_back() == 0);
  for (const std::uint32_t flag : {wire::kBell, wire::kAsk, wire::kQuit}) {
    const auto message = box.in_socket();
    REQUIRE(message);
    CHECK(message->flags == flag);
  }
  CHECK_FALSE(box.in_socket());
}

TEST_CASE("mailbox: a large request that the worker got from its sleep is not taken back, what follows is") {
  OpenBox box;
  box.ring.begin_wait();
  CHECK(box.send(1, kLarge) == Sent::sent);
  CHECK(box.in_socket());
  CHECK(box.send(2) == Sent::sent);
  CHECK(box.take_back() == 2);
  CHECK(box.take_back() == 0);
}

TEST_CASE("mailbox: what a full ring does not take lies in the socket, in its turn") {
  OpenBox box;
  std::uint64_t sent = 0;
  while (!box.in_socket(MSG_PEEK)) {
    REQUIRE(box.send(++sent, 1000) == Sent::sent);
    REQUIRE(sent < 100);
  }
  CHECK(sent > 20);
  CHECK(box.send(++sent, 1000) == Sent::sent);
  CHECK(box.send(++sent, kLarge) == Sent::sent);
  for (std::uint64_t sequence = 1; sequence <= sent; ++sequence) CHECK(box.take_back() == sequence);
  CHECK(box.take_back() == 0);
}

TEST_CASE("mailbox: a large request is taken back though its record has been read") {
  OpenBox box;
  CHECK(box.send(1, kLarge) == Sent::sent);
  CHECK(box.read() == Found::in_socket);  // and there the thread stands still
  CHECK(box.take_back() == 1);
  CHECK(box.take_back() == 0);
}
