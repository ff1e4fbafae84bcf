// Clients that end their sending behind a request, as `nc -N` does: they get their answers, and an app is not kept at
// work for them.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "support/door_handlers.h"
#include "unit/h1_wire.h"

using namespace edge;
using namespace edge::h1_test;
using namespace edge::test;

namespace {

constexpr std::size_t kLarge = 3'000'000;
const std::string kAsk = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

std::string content_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

/// Is at work elsewhere for a while, as who reads a cold disk is, and then answers.
struct PooledHandler final : Handler {
  Task<Response> handle(Request& request) override {
    const auto work = [this] {
      goes_on.wait(false);
      return true;
    };
    const bool done = co_await request.loop.offload(work);
    Response response(request.arena);
    response.body = std::string_view(done ? "done" : "");
    co_return response;
  }
  std::atomic<bool> goes_on = false;
};

/// Sends so much that the client must read it before more comes, and then waits for the end of the request.
struct FallsSilent final : Handler {
  struct Source final : BodySource {
    Source(Request& of, FallsSilent& handler) : request(of), owner(handler) {}
    Task<Result<Chunk>> pull() override {
      if (!begun) {
        begun = true;
        co_return Chunk{text, false};
      }
      PatientHandler::Gone gone(request.cancellation);
      co_await gone;
      ++owner.cancelled;
      co_return fail(ErrorKind::closed, Side::client, "gone");
    }
    Request& request;
    FallsSilent& owner;
    std::string text = std::string(500'000, 'x');
    bool begun = false;
  };
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.body = std::make_unique<Source>(request, *this);
    co_return response;
  }
  int cancelled = 0;
};

}  // namespace

TEST_CASE("half close: a large answer is sent to its end") {
  Wire wire({}, std::make_unique<BytesHandler>(kLarge));
  wire.send(kAsk);
  wire.end_sending();
  const bool whole = content_of(wire.until_end()) == BytesHandler(kLarge).bytes;
  CHECK(whole);
  CHECK_FALSE(wire.was_reset());
  CHECK(wire.all_closed());
}

TEST_CASE("half close: the end may come with the request, and an answer in chunks has its last") {
  Wire wire({}, std::make_unique<StreamHandler>(kLarge));
  wire.leave_bytes(kAsk);
  wire.end_sending();
  const std::string answer = wire.until_end();
  CHECK(answer.size() > kLarge);
  CHECK(answer.ends_with("\r\n0\r\n\r\n"));
}

TEST_CASE("half close: every request that came before it is answered, and half a request is not waited for") {
  Wire wire({}, std::make_unique<BytesHandler>(kLarge));
  wire.leave_bytes(kAsk + kAsk + "GET / HT");
  wire.end_sending();
  const std::size_t one = BytesHandler(kLarge).bytes.size();
  const std::string answers = wire.until_end();
  CHECK(answers.size() > 2 * one);
  CHECK(answers.size() < 2 * one + 1000);
  CHECK(wire.all_closed());
}

TEST_CASE("half close: what the kernel has not taken of an answer on a kept connection is not thrown away") {
  Wire wire({}, std::make_unique<BytesHandler>(40'000));  // goes to the kernel in one piece, which has room for less
  wire.send(kAsk);
  wire.leave_bytes(kAsk);
  wire.end_sending();
  CHECK(wire.until_end().size() > 2 * std::size_t{40'000});
}

TEST_CASE("half close: a handler that nobody can wake answers, however long it takes") {
  auto handler = std::make_unique<PooledHandler>();
  PooledHandler& pooled = *handler;
  Wire wire({}, std::move(handler));
  wire.send(kAsk);
  wire.end_sending();
  CHECK_FALSE(wire.ended());
  pooled.goes_on = true;
  pooled.goes_on.notify_all();
  CHECK(content_of(wire.until_end()) == "done");
}

TEST_CASE("half close: an app that has not begun its answer hears at once that its client may have gone") {
  auto handler = std::make_unique<PatientHandler>();
  PatientHandler& patient = *handler;
  Wire wire({}, std::move(handler));
  wire.send(kAsk);
  wire.end_sending();
  CHECK(patient.cancelled == 1);
  CHECK(wire.all_closed());
}

TEST_CASE("half close: an app that falls silent within its answer hears of it, when all is sent that there was") {
  auto handler = std::make_unique<FallsSilent>();
  FallsSilent& silent = *handler;
  Wire wire({}, std::move(handler));
  wire.send(kAsk);
  wire.end_sending();
  CHECK(silent.cancelled == 0);
  const std::string answer = wire.until_end();
  CHECK(answer.size() > 500'000);
  CHECK_FALSE(answer.ends_with("\r\n0\r\n\r\n"));
  CHECK(silent.cancelled == 1);
  CHECK(wire.all_closed());
}

TEST_CASE("half close: a body that will not be complete ends the request") {
  Wire wire;
  wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  wire.end_sending();
  CHECK(wire.all_closed());
}
