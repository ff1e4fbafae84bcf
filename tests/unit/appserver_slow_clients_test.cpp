// Answers of apps whose clients take their time, and apps that do.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <variant>

#include "core/http/answer_memory.h"
#include "support/fake_app.h"

using namespace edge;
using namespace edge::test;

TEST_CASE("an answer whose head came alone says that its content takes its time") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "GET", "/late");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  thread.answer(sequence, 200, {}, "", 0);
  const BodySource& source = *std::get<std::unique_ptr<BodySource>>(exchange.response().body);
  CHECK(source.waits());
  thread.frame(sequence, "content", wire::kLast);
  app.turn();
  CHECK_FALSE(source.waits());
  CHECK(exchange.body() == "content");
}

TEST_CASE("a thread is held early while answers have all the memory that they may have, and its answer arrives whole") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "GET", "/much");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  thread.answer(sequence, 200, {}, "", 0);
  exchange.response();
  AppAnswerMemory others;
  REQUIRE(others.reach(AppAnswerMemory::kMost));
  std::string bytes, body;
  for (int i = 0; i < 1500; ++i) {  // 6 MiB, in pieces that are smaller than what one read brings
    const std::string piece(4'500, static_cast<char>('a' + i % 26));
    bytes += frame_bytes({.sequence = sequence}, piece);
    body += piece;
  }
  bytes += frame_bytes({.sequence = sequence, .flags = wire::kLast}, "");
  std::size_t sent = 0, taken = 0;
  const auto fill = [&] {
    for (std::size_t now = 1; now > 0; app.turn()) {
      now = thread.send_some(std::string_view(bytes).substr(sent));
      sent += now;
    }
  };
  std::string got;
  while (true) {
    fill();
    if (sent < bytes.size()) CHECK(sent - taken < kAnswerBuffer / 2);  // what the kernel holds on the way included
    const Result<BodySource::Chunk> chunk = exchange.pull();
    REQUIRE(chunk);
    got += chunk->bytes;
    taken += chunk->bytes.size();
    if (chunk->last) break;
  }
  CHECK(got == body);
}
