// TlsStream: bytes in and out, in whatever pieces the socket takes or gives them.
#include "core/net/tls_stream.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/temporary_directory.h"
#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

using Step = TlsStream::Step;

namespace {

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

struct Connected : TlsPair {
  explicit Connected(int version = TLS1_3_VERSION) : TlsPair(only(site_of("a.test")), {.highest = version}) {
    REQUIRE(connects());
    hear();  // the ticket
  }
  std::ptrdiff_t read_once(std::size_t size = 100) {
    std::string bytes(size, '\0');
    return server->read(bytes.data(), bytes.size());
  }
  void narrow() {
    const int size = 4096;
    REQUIRE(setsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
  }
  std::size_t waiting_at_client() const {
    int bytes = 0;
    REQUIRE(ioctl(far.get(), FIONREAD, &bytes) == 0);
    return static_cast<std::size_t>(bytes);
  }
};

/// Text in which a part that is missing or moved shows.
std::string numbered(std::size_t size) {
  std::string text;
  for (int line = 0; text.size() < size; ++line) text += std::to_string(line) + "\n";
  text.resize(size);
  return text;
}

/// Ends what `write` began: writes the rest as the client reads.
std::string hear_all(Connected& pair, std::string_view head, std::string_view content) {
  std::string heard;
  for (int turn = 0; turn < 10'000 && !(head.empty() && content.empty() && !pair.server->has_unsent()); ++turn) {
    const std::ptrdiff_t taken = pair.server->write(head, content);
    REQUIRE(taken >= 0);
    const std::size_t from_head = std::min(head.size(), static_cast<std::size_t>(taken));
    head.remove_prefix(from_head);
    content.remove_prefix(static_cast<std::size_t>(taken) - from_head);
    heard += pair.hear();
    REQUIRE(pair.server->flush_unsent() >= 0);
  }
  return heard + pair.hear();
}

}  // namespace

TEST_CASE("tls stream: there and back") {
  for (const int version : kVersions) {
    Connected pair(version);
    CHECK(pair.read_once() == TlsStream::kNothingNow);
    pair.say("hello");
    CHECK(pair.take() == "hello");
    CHECK(pair.server->write("world") == 5);
    CHECK(pair.hear() == "world");
    CHECK(pair.server->write("", "") == 0);
    CHECK(!pair.server->has_unsent());
  }
}

TEST_CASE("tls stream: what does not fit the reader is announced") {
  Connected pair;
  const std::string text = numbered(20'000);  // two records, of which the socket gives more than one in one go
  pair.say(text);
  std::string got(1000, '\0');
  REQUIRE(pair.server->read(got.data(), got.size()) == 1000);
  CHECK(pair.server->has_unread());
  CHECK(got + pair.take() == text);
  CHECK(!pair.server->has_unread());
}

TEST_CASE("tls stream: several records are one read") {
  Connected pair;
  for (const char* word : {"one", "two", "three"}) pair.say(word);
  std::string got(100, '\0');
  CHECK(pair.server->read(got.data(), got.size()) == 11);
  CHECK(got.starts_with("onetwothree"));
}

TEST_CASE("tls stream: the records of a call leave in one send") {
  Connected pair;
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);  // keeps sends apart
  const UniqueFd near(ends[0]);
  const UniqueFd far(ends[1]);
  REQUIRE(dup2(near.get(), pair.near.get()) == pair.near.get());
  std::string sent(200'000, '\0');
  for (const std::size_t size : {30'000UL, 40'000UL, 65'536UL}) {
    CHECK(pair.server->write(numbered(size)) == static_cast<std::ptrdiff_t>(size));
    CHECK(recv(far.get(), sent.data(), sent.size(), 0) > static_cast<ssize_t>(size));
    CHECK(recv(far.get(), sent.data(), sent.size(), 0) == -1);
  }
}

TEST_CASE("tls stream: a request that comes with the end of the handshake is announced") {
  TlsPair pair(only(site_of("a.test")));
  CHECK(SSL_do_handshake(pair.client.get()) != 1);
  CHECK(pair.server->handshake() == Step::wants_read);
  CHECK(SSL_do_handshake(pair.client.get()) == 1);
  pair.say("early bird");
  CHECK(pair.server->handshake() == Step::done);
  CHECK(pair.server->has_unread());
  CHECK(pair.take() == "early bird");
}

TEST_CASE("tls stream: a client whose bytes come one by one") {
  for (const int version : kVersions) {
    TlsPair pair(only(site_of("a.test")), {.highest = version});
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    const UniqueFd drip(ends[0]);
    const UniqueFd client_end(ends[1]);
    SSL_set_fd(pair.client.get(), client_end.get());
    Step step = Step::wants_read;
    std::string got;
    bool said = false;
    const auto server_turn = [&] {
      if (step == Step::wants_read) {
        step = pair.server->handshake();
        CHECK((step == Step::wants_read || step == Step::done));
      } else {
        got += pair.take();
      }
    };
    for (int turn = 0; turn < 100 && got != "slowly"; ++turn) {
      if (SSL_do_handshake(pair.client.get()) == 1 && !said) {
        pair.say("slowly");
        said = true;
      }
      ERR_clear_error();
      char bytes[16 * 1024];
      for (char byte = 0; recv(drip.get(), &byte, 1, 0) == 1; server_turn()) {
        REQUIRE(send(pair.far.get(), &byte, 1, 0) == 1);
      }
      const ssize_t back = recv(pair.far.get(), bytes, sizeof bytes, 0);
      if (back > 0) REQUIRE(send(drip.get(), bytes, static_cast<std::size_t>(back), 0) == back);
    }
    CHECK(got == "slowly");
  }
}

TEST_CASE("tls stream: the client's end, proper or not") {
  for (const int version : kVersions) {
    Connected proper(version);
    proper.say("last words");
    SSL_shutdown(proper.client.get());
    CHECK(proper.read_once() == 10);
    CHECK(proper.server->has_unread());
    CHECK(proper.read_once() == 0);
    CHECK(!proper.server->truncated());
    CHECK(proper.server->write("answer") == 6);
    CHECK(proper.server->error() == "");

    Connected cut(version);
    cut.say("last words");
    shutdown(cut.far.get(), SHUT_WR);
    CHECK(cut.take() == "last words");
    CHECK(cut.read_once() == 0);
    CHECK(cut.server->truncated());
    CHECK(cut.server->write("answer") == 6);
    CHECK(cut.hear() == "answer");
  }
}

TEST_CASE("tls stream: our end is told") {
  Connected pair;
  CHECK(pair.server->write("bye") == 3);
  pair.server->end();
  CHECK(pair.hear() == "bye");
  CHECK(pair.heard_end);
}

TEST_CASE("tls stream: a client that is gone breaks it") {
  Connected pair;
  pair.far.reset();
  CHECK(pair.server->write("anyone?") == -1);
  CHECK(pair.server->error() == "Broken pipe");
  CHECK(pair.server->flush_unsent() == -1);
  CHECK(pair.read_once() == TlsStream::kBroken);
  pair.server->end();
}

TEST_CASE("tls stream: what the kernel does not take waits, and goes out first") {
  for (const int version : kVersions) {
    for (const std::size_t size : {std::size_t{100}, std::size_t{70'000}, std::size_t{400'000}}) {
      CAPTURE(size);
      Connected pair(version);
      pair.narrow();
      const std::string head = numbered(300);
      const std::string text = numbered(size);
      CHECK(hear_all(pair, head, text) == head + text);
    }
  }
}

TEST_CASE("tls stream: a long head is more than one record") {
  Connected pair;
  const std::string head = numbered(40'000);
  CHECK(hear_all(pair, head, "body") == head + "body");
}

TEST_CASE("tls stream: while bytes wait nothing more is taken") {
  Connected pair;
  pair.narrow();
  const std::string text = numbered(400'000);
  const std::ptrdiff_t taken = pair.server->write(text);
  CHECK(taken == TlsOutput::kRecord);
  CHECK(pair.server->has_unsent());
  CHECK(pair.server->write("more") == 0);
  CHECK(pair.server->write_file(-1, 0, 10, false) == 0);
  CHECK(pair.server->flush_unsent() == 0);
  std::string heard;
  for (int turn = 0; turn < 1000 && pair.server->flush_unsent() == 0; ++turn) heard += pair.hear();
  CHECK(!pair.server->has_unsent());
  CHECK(heard + pair.hear() == text.substr(0, static_cast<std::size_t>(taken)));
}

TEST_CASE("tls stream: head and body share a record") {
  Connected pair;
  CHECK(pair.server->write(std::string(200, 'h'), std::string(1000, 'b')) == 1200);
  CHECK(pair.waiting_at_client() == 1200 + 22);  // one head, one kind of content, one tag (RFC 8446, 5.2)
  CHECK(pair.hear() == std::string(200, 'h') + std::string(1000, 'b'));
}

TEST_CASE("tls stream: a file, a part of one, and one that is shorter than it was") {
  const TemporaryDirectory folder;
  const std::string text = numbered(150'000);
  const UniqueFd file(open(folder.write("file", text).c_str(), O_RDONLY | O_CLOEXEC));
  Connected pair;
  std::string heard;
  std::uint64_t at = 10;
  for (int turn = 0; turn < 1000 && at < 140'010; ++turn) {
    const std::ptrdiff_t taken = pair.server->write_file(file.get(), at, 140'010 - at, false);
    REQUIRE(taken >= 0);
    at += static_cast<std::uint64_t>(taken);
    heard += pair.hear();
    REQUIRE(pair.server->flush_unsent() >= 0);
  }
  heard += pair.hear();
  CHECK(heard == text.substr(10, 140'000));
  CHECK(pair.server->write_file(file.get(), 149'990, 20, false) == 10);
  CHECK(pair.server->write_file(file.get(), 150'000, 10, false) == TlsStream::kTooShort);
  CHECK(pair.server->write("goes on") == 7);
}

TEST_CASE("tls stream: a handshake that the socket does not take goes on when it does") {
  TlsPair pair(only(site_of("a.test")));
  const std::string fill(1 << 20, 'x');
  const ssize_t filled = send(pair.near.get(), fill.data(), fill.size(), 0);
  REQUIRE(filled > 0);
  while (send(pair.near.get(), "x", 1, 0) == 1) {
  }
  CHECK(SSL_do_handshake(pair.client.get()) != 1);  // begins, and finds what is no answer: its hello is what counts
  CHECK(pair.server->handshake() == Step::wants_write);
  CHECK(pair.server->handshake() == Step::wants_write);
  CHECK(pair.server->has_unsent());
  std::string drained(2 << 20, '\0');
  while (recv(pair.far.get(), drained.data(), drained.size(), 0) > 0) {
  }
  CHECK(pair.server->handshake() == Step::wants_read);
  CHECK(!pair.server->has_unsent());
}
