// The ring through which a WSGI thread gets its requests: both ends of it, in one process.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "appserver/mailbox.h"
#include "appserver/request_ring.h"
#include "appserver/request_ring_reader.h"

using namespace edge;

namespace {

using Found = RequestRingReader::Found;

/// What a worker thread does with its end.
class Reader {
 public:
  explicit Reader(wire::RequestRing& ring) : reader_(ring) {}

  Found read() {
    std::size_t size = 0;
    const Found found = reader_.read(buffer_.get(), size);
    if (found != Found::request) return found;
    REQUIRE(size >= sizeof header);
    std::memcpy(&header, buffer_.get(), sizeof header);
    content.assign(buffer_.get() + sizeof header, size - sizeof header);
    return found;
  }
  /// The sequence of the next request; 0: there is none.
  std::uint64_t next() { return read() == Found::request ? header.sequence : 0; }
  RequestRingReader& end() { return reader_; }

  wire::RequestHeader header;
  std::string content;

 private:
  RequestRingReader reader_;
  std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(wire::RequestRing::kSize);
};

struct Ring {
  std::unique_ptr<wire::RequestRing> shared = std::make_unique<wire::RequestRing>();
  RequestRing edge{*shared};
  Reader worker{*shared};

  bool push(std::uint64_t sequence, std::string_view packet = "packet", std::string_view body = "") {
    return edge.push({.sequence = sequence, .body_size = body.size()}, packet, body);
  }
};

}  // namespace

TEST_CASE("request ring: what is pushed is read in order, whole, with its header") {
  Ring ring;
  CHECK(ring.worker.read() == Found::nothing);
  CHECK(ring.edge.push({.sequence = 7, .loop = 3, .flags = 0, .body_size = 4, .place = 9}, "the packet", "body"));
  CHECK(ring.push(8, "", ""));
  REQUIRE(ring.worker.read() == Found::request);
  CHECK(ring.worker.header.sequence == 7);
  CHECK(ring.worker.header.loop == 3);
  CHECK(ring.worker.header.place == 9);
  CHECK(ring.worker.header.body_size == 4);
  CHECK(ring.worker.content == "the packetbody");
  REQUIRE(ring.worker.read() == Found::request);
  CHECK(ring.worker.header.sequence == 8);
  CHECK(ring.worker.content.empty());
  CHECK(ring.worker.read() == Found::nothing);
}

TEST_CASE("request ring: requests of every size, many times around") {
  Ring ring;
  const std::string text(4096, 'x');
  std::uint64_t pushed = 0;
  for (std::uint64_t read = 0; read < 20'000;) {
    const std::size_t size = pushed * 37 % (text.size() + 1);
    const std::string_view content = std::string_view(text).substr(0, size);
    if (ring.push(pushed + 1, content.substr(0, size / 2), content.substr(size / 2))) {
      ++pushed;
      if (pushed % 5 != 0) continue;
    }
    REQUIRE(ring.worker.next() == ++read);
    const std::size_t expected = (read - 1) * 37 % (text.size() + 1);
    REQUIRE(ring.worker.content.size() == expected);
    REQUIRE(ring.worker.content.find_first_not_of('x') == std::string::npos);
  }
}

TEST_CASE("request ring: a full one says so, and has room again when it is read") {
  Ring ring;
  const std::string text(1000, 'x');
  std::uint64_t pushed = 0;
  while (ring.push(pushed + 1, text)) REQUIRE(++pushed < 100);
  CHECK(pushed >= 24);  // of 32 KiB
  CHECK_FALSE(ring.push(pushed + 1, text));
  for (std::uint64_t read = 1; read <= pushed; ++read) CHECK(ring.worker.next() == read);
  CHECK(ring.push(pushed + 1, text));
  CHECK(ring.worker.next() == pushed + 1);
}

TEST_CASE("request ring: no more than 128 records lie in it, and there is always room for what lies in the socket") {
  Ring ring;
  std::uint64_t pushed = 0;
  while (ring.push(pushed + 1, "")) REQUIRE(++pushed < 1000);
  CHECK(pushed == 128);

  Ring large;
  const std::string text(1000, 'x');
  std::uint64_t large_pushed = 0;
  while (large.push(large_pushed + 1, text)) REQUIRE(++large_pushed < 100);
  for (int i = 0; i < 64; ++i) large.edge.push_in_socket();
  for (std::uint64_t read = 1; read <= large_pushed; ++read) CHECK(large.worker.next() == read);
  for (int i = 0; i < 64; ++i) CHECK(large.worker.read() == Found::in_socket);
  CHECK(large.worker.read() == Found::nothing);
}

TEST_CASE("request ring: the edge takes back what is not read, the oldest first, also around the end") {
  Ring ring;
  const std::string text(900, 'x');
  for (std::uint64_t at = 1; at < 400; at += 4) {
    for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(ring.push(at + i, text));
    CHECK(ring.worker.next() == at);
    CHECK(ring.edge.take_back() == at + 1);
    CHECK(ring.worker.next() == at + 2);
    CHECK(ring.edge.take_back() == at + 3);
    CHECK_FALSE(ring.edge.take_back());
    CHECK(ring.worker.next() == 0);
  }
  ring.edge.push_in_socket();
  CHECK(ring.edge.take_back() == 0);
  CHECK_FALSE(ring.edge.take_back());
}

TEST_CASE("request ring: a bell is owed once to a worker that waits") {
  Ring ring;
  CHECK(ring.push(1));
  CHECK_FALSE(ring.edge.owes_bell());
  CHECK(ring.worker.next() == 1);
  ring.worker.end().begin_wait();
  CHECK(ring.push(2));
  CHECK(ring.edge.owes_bell());
  CHECK_FALSE(ring.edge.owes_bell());
  ring.worker.end().begin_wait();
  ring.worker.end().end_wait();
  CHECK_FALSE(ring.edge.owes_bell());
}

TEST_CASE("request ring: what is being copied is not written over, though the edge has taken it back") {
  Ring ring;
  const std::string text(1000, 'x');
  CHECK(ring.push(1, text));
  std::atomic_ref(ring.shared->reading).store(1);  // the worker stands still within its copy of the first record
  CHECK(ring.edge.take_back() == 1);
  std::uint64_t pushed = 0;
  while (ring.push(2 + pushed, std::string(1000, 'y'))) REQUIRE(++pushed < 100);
  CHECK(ring.shared->records[sizeof(wire::RecordHeader) + sizeof(wire::RequestHeader)] == 'x');
  std::atomic_ref(ring.shared->reading).store(0);
  while (ring.worker.next() != 0) {
  }
  for (int i = 0; i < 40; ++i) {
    CHECK(ring.push(200, std::string(1000, 'y')));
    CHECK(ring.worker.next() == 200);
  }
  CHECK(ring.shared->records[sizeof(wire::RecordHeader) + sizeof(wire::RequestHeader)] == 'y');
}

TEST_CASE("request ring: whatever a worker writes to it, the edge neither hangs nor writes anywhere else") {
  constexpr std::uint64_t kFar = ~std::uint64_t{0};
  struct {
    wire::RequestRing ring;
    char behind[64] = {};
  } memory;
  RequestRing edge(memory.ring);
  const std::string text(3000, 'x');
  std::uint64_t random = 1;
  for (int i = 0; i < 50'000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t some = random >> 33;
    const std::uint64_t values[] = {0, 1, 8, some % 100'000, memory.ring.tail, memory.ring.tail - 8, kFar, some << 32};
    switch (some % 7) {
      case 0:
        memory.ring.head = values[random >> 61];
        break;
      case 1:
        memory.ring.reading = values[random >> 61];
        break;
      case 2:
        memory.ring.tail = values[random >> 61];
        break;
      case 3:
        edge.take_back();
        break;
      case 4:
        edge.push_in_socket();
        break;
      default:
        edge.push({.sequence = some + 1}, std::string_view(text).substr(0, some % text.size()), "");
    }
  }
  while (edge.take_back()) {
  }
  for (const char byte : memory.behind) REQUIRE(byte == 0);
}

TEST_CASE("request ring: a reader takes nonsense for what it is") {
  Ring ring;
  const auto write = [&](wire::RecordHeader header, std::uint64_t tail) {
    std::memcpy(ring.shared->records, &header, sizeof header);
    std::atomic_ref(ring.shared->tail).store(tail);
  };
  write({.size = 7}, 8);
  CHECK(ring.worker.read() == Found::nonsense);
  write({.size = wire::RequestRing::kSize + 1}, 8);
  CHECK(ring.worker.read() == Found::nonsense);
  write({.size = 8, .kind = static_cast<wire::RecordKind>(3)}, 8);
  CHECK(ring.worker.read() == Found::nonsense);
  std::atomic_ref(ring.shared->head).store(4);
  CHECK(ring.worker.read() == Found::nonsense);
}

TEST_CASE("request ring: of what loops push and take back, each is read or taken back once, and nobody sleeps on") {
  Ring ring;
  constexpr std::uint64_t kEach = 20'000;
  constexpr std::uint64_t kLoops = 2;
  std::vector<std::atomic<int>> seen(kLoops * kEach + 1);
  std::atomic<std::uint64_t> bells = 0;
  std::atomic<std::uint64_t> left = kLoops;
  std::atomic<bool> too_late = false;

  std::thread worker([&] {
    for (;;) {
      while (const std::uint64_t sequence = ring.worker.next()) {
        seen[sequence].fetch_add(1);
        if (ring.worker.content != std::to_string(sequence)) seen[sequence].fetch_add(100);
      }
      ring.worker.end().begin_wait();
      if (const std::uint64_t sequence = ring.worker.next()) {
        ring.worker.end().end_wait();
        seen[sequence].fetch_add(1);
        continue;
      }
      const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      while (bells.load() == 0) {  // asleep
        if (left.load() == 0 && bells.load() == 0 && std::atomic_ref(ring.shared->waiting).load() != 0) return;
        if (std::chrono::steady_clock::now() > give_up) {
          too_late = true;
          return;
        }
        std::this_thread::yield();
      }
      bells.fetch_sub(1);
      ring.worker.end().end_wait();
    }
  });
  std::vector<std::thread> loops;
  for (std::uint64_t loop = 0; loop < kLoops; ++loop) {
    loops.emplace_back([&, loop] {
      for (std::uint64_t i = 1; i <= kEach; ++i) {
        const std::uint64_t sequence = loop * kEach + i;
        while (!ring.push(sequence, std::to_string(sequence))) std::this_thread::yield();
        if (ring.edge.owes_bell()) bells.fetch_add(1);
        if (i % 7 != 0) continue;
        if (const auto taken = ring.edge.take_back()) seen[*taken].fetch_add(1);
      }
      left.fetch_sub(1);
    });
  }
  for (std::thread& loop : loops) loop.join();
  worker.join();
  CHECK_FALSE(too_late.load());
  while (const auto taken = ring.edge.take_back()) seen[*taken].fetch_add(1);
  std::size_t wrong = 0;
  for (std::size_t i = 1; i < seen.size(); ++i) wrong += seen[i].load() != 1 ? 1 : 0;
  CHECK(wrong == 0);
}
