// The ring for small whole answers: both ends of it in one process, and the edge that reads it.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "appserver/answer_ring.h"
#include "appserver/answer_ring_writer.h"
#include "support/captured_log.h"
#include "support/fake_app.h"

using namespace edge;
using namespace edge::test;

namespace {

using Read = AnswerRing::Read;

struct Ring {
  std::unique_ptr<wire::AnswerRing> shared = std::make_unique<wire::AnswerRing>();
  AnswerRing edge{*shared};
  AnswerRingWriter worker{*shared};
  std::unique_ptr<char[]> buffer = std::make_unique<char[]>(wire::AnswerRing::kLargestFrame);
  std::string frame;

  bool write(std::string_view bytes) {
    const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    return worker.write({&part, 1});
  }
  Read read() {
    std::size_t size = 0;
    const Read read = edge.read(buffer.get(), size);
    if (read == Read::frame) frame.assign(buffer.get(), size);
    return read;
  }
};

struct OpenRing : Ring {
  OpenRing() { edge.open(); }
};

std::string answer_of(std::uint64_t sequence, std::size_t body = 100) {
  return answer_bytes(sequence, 200, {}, std::string(body, 'x'));
}

}  // namespace

TEST_CASE("answer ring: nothing is written before the loop reads it") {
  Ring ring;
  CHECK_FALSE(ring.write(answer_of(1)));
  ring.edge.open();
  CHECK(ring.write(answer_of(1)));
  CHECK(ring.worker.owes_announcement());
  CHECK(ring.write(answer_of(2)));
  CHECK_FALSE(ring.worker.owes_announcement());
  CHECK(ring.read() == Read::frame);
  CHECK(ring.frame == answer_of(1));
  CHECK_FALSE(ring.edge.wait());
  CHECK(ring.read() == Read::frame);
  CHECK(ring.frame == answer_of(2));
  CHECK(ring.read() == Read::nothing);
  CHECK(ring.edge.wait());
  CHECK(ring.write(answer_of(3)));
  CHECK(ring.worker.owes_announcement());
}

TEST_CASE("answer ring: it takes whole small answers, in as many parts as they have") {
  OpenRing ring;
  std::string header = answer_of(1, 5000);
  std::string rest = header.substr(100);
  header.resize(100);
  const std::array<iovec, 2> parts{{{header.data(), header.size()}, {rest.data(), rest.size()}}};
  CHECK(ring.worker.write(parts));
  CHECK(ring.read() == Read::frame);
  CHECK(ring.frame == answer_of(1, 5000));
  CHECK_FALSE(ring.write(answer_of(2, wire::AnswerRing::kLargestFrame)));
  CHECK_FALSE(ring.write(answer_bytes(2, 200, {}, "", 0)));                          // not the end
  CHECK_FALSE(ring.write(frame_bytes({.sequence = 2, .flags = wire::kLast}, "x")));  // not the beginning
  CHECK_FALSE(ring.write(frame_bytes({.sequence = 2, .flags = wire::kLast | wire::kFailed}, "")));
  CHECK_FALSE(ring.write(file_answer_bytes(2, {}, {.offset = 0, .length = 1})));
  CHECK(ring.read() == Read::nothing);
}

TEST_CASE("answer ring: answers of every size, many times around, and a full one leaves them to the channel") {
  OpenRing ring;
  std::uint64_t written = 0, refused = 0;
  for (std::uint64_t read = 0; read < 10'000;) {
    if (ring.write(answer_of(written + 1, (written * 37) % 7000))) {
      ++written;
      if (written % 4 != 0) continue;
    } else {
      ++refused;
    }
    REQUIRE(ring.read() == Read::frame);
    REQUIRE(ring.frame == answer_of(read + 1, (read * 37) % 7000));
    ++read;
  }
  CHECK(refused > 0);
}

TEST_CASE("answer ring: whatever a worker writes to it, nothing beyond is read or written, and it ends") {
  std::optional<OpenRing> ring(std::in_place);
  std::uint64_t random = 1;
  const std::string answer = answer_of(7, 3000);
  std::size_t nonsense = 0;
  for (int i = 0; i < 50'000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t some = random >> 33;
    const std::uint64_t values[] = {0, 1, 8, some % 40'000, ring->shared->tail + 8, ~std::uint64_t{0}, some << 32, 16};
    switch (some % 5) {
      case 0:
        ring->shared->tail = values[random >> 61];
        break;
      case 1:
        ring->shared->head = values[random >> 61];
        break;
      case 2:
        std::memcpy(ring->shared->records + some % 32'000 / 8 * 8, &values[random >> 61], 8);
        break;
      case 3:
        ring->write(answer);
        break;
      default:
        for (int reads = 0;; ++reads) {
          REQUIRE(reads < 5000);  // records of 8 bytes at least
          const Read read = ring->read();
          nonsense += read == Read::nonsense ? 1 : 0;
          if (read != Read::frame) break;
        }
        // A loop reads on only from a worker that it has not killed.
        if (nonsense > 0 && some % 3 == 0) {
          nonsense = 0;
          ring.emplace();
        }
    }
  }
}

TEST_CASE("answer ring: nothing but the end of the ring is passed over") {
  const auto reads = [](std::uint64_t place, std::uint32_t size) {
    OpenRing ring;
    while (ring.shared->tail % wire::AnswerRing::kSize != place) {
      REQUIRE(ring.write(answer_of(1, 0)));
      REQUIRE(ring.read() == Read::frame);
    }
    const wire::RecordHeader header{.size = size, .kind = wire::RecordKind::pass_over};
    std::memcpy(ring.shared->records + place, &header, sizeof header);
    ring.shared->tail += size;
    return ring.read();
  };
  const std::uint64_t size = [] {
    OpenRing ring;
    ring.write(answer_of(1, 0));
    return ring.shared->tail;
  }();
  CHECK(reads(0, 8) == Read::nonsense);
  CHECK(reads(0, wire::AnswerRing::kSize) == Read::nonsense);
  CHECK(reads(size, 8) == Read::nonsense);
  CHECK(reads(size, static_cast<std::uint32_t>(wire::AnswerRing::kSize - size)) == Read::nothing);
}

TEST_CASE("answer ring: what a thread writes is read once, and the loop does not sleep on") {
  OpenRing ring;
  constexpr std::uint64_t kAnswers = 30'000;
  std::atomic<std::uint64_t> announced = 0, by_channel = 0;
  std::thread worker([&] {
    for (std::uint64_t sequence = 1; sequence <= kAnswers; ++sequence) {
      if (!ring.write(
              frame_bytes({.sequence = sequence, .flags = wire::kHead | wire::kLast}, std::to_string(sequence))))
        by_channel.fetch_add(1);
      else if (ring.worker.owes_announcement())
        announced.fetch_add(1);
    }
  });
  std::uint64_t read = 0, last = 0, heard = 0, wrong = 0;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (read + by_channel.load() < kAnswers && std::chrono::steady_clock::now() < give_up) {
    if (heard == announced.load()) {  // asleep
      std::this_thread::yield();
      continue;
    }
    ++heard;
    do {
      while (ring.read() == Read::frame) {
        wire::FrameHeader header;
        std::memcpy(&header, ring.frame.data(), sizeof header);
        wrong += ring.frame.substr(sizeof header) != std::to_string(header.sequence) || header.sequence <= last ? 1 : 0;
        last = header.sequence;
        ++read;
      }
    } while (!ring.edge.wait());
  }
  worker.join();
  CHECK(read + by_channel.load() == kAnswers);
  CHECK(wrong == 0);
}

TEST_CASE("an answer in the ring reaches its client when it is announced, several with one word") {
  FakeApp app;
  FakeThread& thread = app.add_worker(1).threads[0];
  FakeExchange first(app, "GET", "/1"), second(app, "GET", "/2");
  first.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  REQUIRE(thread.answer_in_ring(answer_bytes(sequence, 201, {{"X-Own", "1"}}, "one")));
  CHECK(thread.ring->owes_announcement());
  thread.announce();
  CHECK(first.body() == "one");
  CHECK(first.status() == 201);
  second.begin();
  REQUIRE(thread.answer_in_ring(answer_bytes(app.next_request(thread).header.sequence, 200, {}, "two")));
  CHECK(thread.ring->owes_announcement());
  thread.announce();
  CHECK(second.body() == "two");
}

TEST_CASE("an answer in the ring is read though its worker dies without a word") {
  FakeApp app;
  FakeThread& thread = app.add_worker(1).threads[0];
  FakeExchange exchange(app, "POST", "/");
  exchange.begin();
  REQUIRE(thread.answer_in_ring(answer_bytes(app.next_request(thread).header.sequence, 200, {}, "its last")));
  thread.die();
  CHECK(exchange.body() == "its last");
}

TEST_CASE("an answer in the ring does not wait for one that is on its way through the channel") {
  FakeApp app;
  FakeThread& thread = app.add_worker(1).threads[0];
  FakeExchange slow(app, "GET", "/1"), quick(app, "GET", "/2");
  app.warm(thread);
  slow.begin();
  quick.begin();
  const std::uint64_t of_slow = app.next_request(thread).header.sequence;
  const std::uint64_t of_quick = app.next_request(thread).header.sequence;
  const std::string bytes = answer_of(of_slow, 1000);
  thread.send(bytes.substr(0, 500));
  REQUIRE(thread.answer_in_ring(answer_bytes(of_quick, 200, {}, "quick")));
  thread.send(bytes.substr(500));
  CHECK(quick.body() == "quick");
  CHECK(slow.body() == std::string(1000, 'x'));
}

TEST_CASE("a worker that spoils its ring is killed, and what it held fails") {
  FakeApp app;
  CapturedLog log;
  IdleChild child;
  FakeThread& thread = app.add_worker(1, child.pid()).threads[0];
  FakeExchange exchange(app, "POST", "/");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  wire::AnswerRing& ring = thread.slot->worker.answers(0, 0);
  const char* expected = "";
  SUBCASE("a size") {
    ring.tail = 8;
    expected = "a record that makes no sense";
  }
  SUBCASE("a stranger's answer") {
    REQUIRE(thread.answer_in_ring(answer_of(sequence + 1)));
    expected = "an answer to a request that it does not have";
  }
  SUBCASE("no whole answer") {
    REQUIRE(thread.answer_in_ring(answer_of(sequence)));
    ring.records[sizeof(wire::RecordHeader) + offsetof(wire::FrameHeader, flags)] = wire::kHead;
    expected = "a record that is not a whole answer";
  }
  SUBCASE("a frame that is shorter than it says") {
    REQUIRE(thread.answer_in_ring(answer_of(sequence)));
    ring.records[sizeof(wire::RecordHeader) + offsetof(wire::FrameHeader, payload_size)] += 1;
    expected = "a record that is not a whole answer";
  }
  SUBCASE("a frame that is longer than it says") {
    REQUIRE(thread.answer_in_ring(answer_of(sequence)));
    ring.records[sizeof(wire::RecordHeader) + offsetof(wire::FrameHeader, payload_size)] -= 1;
    expected = "a record that is not a whole answer";
  }
  SUBCASE("no frame") {
    REQUIRE(thread.answer_in_ring(answer_of(0)));
    expected = "a frame without a sequence";
  }
  thread.announce();
  CHECK(exchange.status() == 502);
  CHECK(log.contains(expected));
  app.run_until([&] { return child.ended_by() == SIGKILL; });
}
