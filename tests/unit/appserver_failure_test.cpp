// AppHandler and its channels when something goes wrong: no worker, a dead one, one that lies, a client that leaves.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "support/captured_log.h"
#include "support/fake_app.h"

using namespace edge;
using namespace edge::test;

namespace {

std::uint64_t cancelled(const FakeWorker& worker) {
  // The worker's own view of what the edge shares with it.
  wire::SharedSlot shared;
  REQUIRE(pread(worker.process->memory(), &shared, sizeof shared, 0) == sizeof shared);
  return shared.cancelled;
}

}  // namespace

TEST_CASE("requests wait while there is no worker") {
  FakeApp app;
  FakeExchange first(app, "GET", "/1"), second(app, "GET", "/2");
  first.begin();
  second.begin();
  app.turn();
  CHECK_FALSE(first.done());
  FakeThread& thread = app.add_worker().threads[0];
  for (FakeExchange* exchange : {&first, &second}) {
    const ReadMessage message = app.next_request(thread);
    CHECK(message.variables.at("PATH_INFO") == exchange->fake.request.path);
    thread.answer(message.header.sequence, 200, {}, "");
    CHECK(exchange->status() == 200);
  }
}

TEST_CASE("a full queue is a 503 with Retry-After") {
  config::App settings = FakeApp::settings();
  settings.queue = 1;
  FakeApp app(settings);
  FakeExchange waits(app, "GET", "/"), refused(app, "GET", "/");
  waits.begin();
  CHECK(refused.begin().status() == 503);
  CHECK(refused.response().headers.get(HeaderName::retry_after) == "1");
  waits.leave();
  CHECK(waits.status() == 499);
}

TEST_CASE("waiting has an end") {
  config::App settings = FakeApp::settings();
  settings.queue_timeout = Milliseconds(10);
  FakeApp app(settings);
  FakeExchange exchange(app, "GET", "/");
  CHECK(exchange.begin().status() == 503);
  FakeThread& thread = app.add_worker().threads[0];
  app.turn();
  CHECK_FALSE(thread.read());
}

TEST_CASE("a client that leaves while it waits is taken out without waking a worker") {
  FakeApp app;
  FakeExchange leaves(app, "GET", "/1"), stays(app, "GET", "/2");
  leaves.begin();
  stays.begin();
  leaves.leave();
  CHECK(leaves.status() == 499);
  FakeThread& thread = app.add_worker().threads[0];
  CHECK(app.next_request(thread).variables.at("PATH_INFO") == "/2");
}

TEST_CASE("a client that leaves while the app works: the worker is told, its answer discarded, then it serves on") {
  FakeApp app;
  FakeWorker& worker = app.add_worker();
  FakeThread& thread = worker.threads[0];
  FakeExchange leaves(app, "GET", "/1"), stays(app, "GET", "/2");
  leaves.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  bool with_head = false;
  SUBCASE("before the head") {}
  SUBCASE("while it streams") {
    with_head = true;
    thread.answer(sequence, 200, {}, "some", 0);
    CHECK(leaves.status() == 200);
    CHECK(leaves.pull()->bytes == "some");
    Task<Result<BodySource::Chunk>> pull = leaves.source()->pull();
    CHECK_FALSE(pull.done());
    leaves.fake.request.cancellation.request();
    REQUIRE(pull.done());
    const Result<BodySource::Chunk> chunk = pull.take();
    REQUIRE_FALSE(chunk);
    CHECK(chunk.error().kind == ErrorKind::closed);
  }
  if (!with_head) leaves.leave();
  leaves.response().body = std::monostate();
  CHECK(cancelled(worker) == sequence);

  stays.begin();
  app.turn();
  CHECK_FALSE(thread.read());  // the slot is busy until the answer has ended
  if (!with_head) thread.answer(sequence, 200, {}, "x", 0);
  const std::string large(200'000, 'x');
  for (int i = 0; i < 20; ++i) {  // more than any buffer holds
    std::string bytes = frame_bytes({.sequence = sequence}, large);
    for (std::size_t sent = 0; sent < bytes.size();) {
      sent += thread.send_some(std::string_view(bytes).substr(sent));
      app.turn();
    }
  }
  thread.frame(sequence, "", wire::kLast | wire::kFailed);
  thread.answer(app.next_request(thread).header.sequence, 200, {}, "served");
  CHECK(stays.body() == "served");
}

TEST_CASE("a worker that dies: what it has not begun goes to another") {
  FakeApp app;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "POST", "/");
  exchange.begin();
  thread.die();
  app.turn();
  CHECK_FALSE(exchange.done());
  FakeThread& other = app.add_worker().threads[0];
  thread.die();
  other.answer(app.next_request(other).header.sequence, 200, {}, "");
  CHECK(exchange.status() == 200);
}

TEST_CASE("a worker that dies with a request that it has begun") {
  FakeApp app;
  const CapturedLog log;
  FakeThread& thread = app.add_worker().threads[0];
  SUBCASE("a safe one is sent to another, once") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    app.next_request(thread);
    thread.die();
    FakeThread& second = app.add_worker().threads[0];
    app.next_request(second);
    CHECK_FALSE(exchange.done());
    second.die();
    CHECK(exchange.status() == 502);
  }
  SUBCASE("any other is a 502") {
    FakeExchange exchange(app, "POST", "/");
    exchange.begin();
    app.next_request(thread);
    FakeThread& second = app.add_worker().threads[0];
    thread.die();
    CHECK(exchange.status() == 502);
    CHECK_FALSE(second.read());
  }
  SUBCASE("part of the head came: a 502 even for a safe one") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    const std::string bytes = answer_bytes(app.next_request(thread).header.sequence, 200, {{"A", "b"}}, "");
    thread.send(std::string_view(bytes).substr(0, bytes.size() - 2));
    app.turn();
    thread.die();
    CHECK(exchange.status() == 502);
  }
  SUBCASE("in the middle of a body: torn") {
    FakeExchange exchange(app, "GET", "/");
    exchange.begin();
    thread.answer(app.next_request(thread).header.sequence, 200, {}, "some", 0);
    CHECK(exchange.status() == 200);
    thread.die();
    CHECK_FALSE(exchange.body());
    CHECK(exchange.error->kind == ErrorKind::bad_gateway);
  }
  SUBCASE("behind a complete answer that was not read yet: nothing is lost") {
    FakeExchange exchange(app, "POST", "/");
    exchange.begin();
    thread.answer(app.next_request(thread).header.sequence, 200, {}, "made it");
    thread.die();
    CHECK(exchange.body() == "made it");
  }
}

TEST_CASE("a worker whose end is reported while somebody else holds its channel open") {
  FakeApp app;
  FakeWorker& worker = app.add_worker();
  FakeExchange exchange(app, "GET", "/");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(worker.threads[0]).header.sequence;
  SUBCASE("what it wrote before is read") {
    worker.threads[0].answer(sequence, 200, {}, "made it");
    app.lane.worker_gone(*worker.process, "worker 0 died");
    CHECK(exchange.body() == "made it");
  }
  SUBCASE("what it held is repeated") {
    app.lane.worker_gone(*worker.process, "worker 0 died");
    FakeThread& second = app.add_worker().threads[0];
    second.answer(app.next_request(second).header.sequence, 200, {}, "again");
    CHECK(exchange.body() == "again");
  }
}

TEST_CASE("a worker that breaks the protocol is killed, and what it held fails") {
  FakeApp app;
  CapturedLog log;
  IdleChild child;
  FakeThread& thread = app.add_worker(1, child.pid()).threads[0];
  FakeExchange exchange(app, "POST", "/");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  SUBCASE("an answer to what it was not asked") {
    thread.answer(sequence + 1, 200, {}, "x");
    CHECK(exchange.status() == 502);
    CHECK(log.contains("an answer to a request that it does not have"));
  }
  SUBCASE("two answers") {
    thread.answer(sequence, 200, {}, "x");
    thread.answer(sequence, 200, {}, "x");
    CHECK(exchange.status() == 200);
  }
  SUBCASE("noise") {
    thread.send(std::string(200, '\xff'));
    CHECK(exchange.status() == 502);
  }
  app.run_until([&child] { return child.ended_by() == SIGKILL; });
}

TEST_CASE("request_timeout: 504, and the worker is killed") {
  FakeApp app;
  CapturedLog log;
  IdleChild child;
  FakeThread& thread = app.add_worker(1, child.pid()).threads[0];
  FakeExchange exchange(app, "GET", "/slow");
  SUBCASE("before the head") {
    app.limit_requests(Milliseconds(20));
    exchange.begin();
    app.next_request(thread);
    CHECK(exchange.status() == 504);
  }
  SUBCASE("between two pieces") {
    exchange.begin();
    const std::uint64_t sequence = app.next_request(thread).header.sequence;
    app.limit_requests(Milliseconds(20));
    thread.answer(sequence, 200, {}, "some", 0);
    CHECK_FALSE(exchange.body());
    CHECK(exchange.error->kind == ErrorKind::timed_out);
  }
  SUBCASE("for a client that has gone") {
    exchange.begin();
    app.next_request(thread);
    app.limit_requests(Milliseconds(20));
    exchange.leave();
  }
  app.run_until([&child] { return child.ended_by() == SIGKILL; });
  CHECK(log.contains("ran longer than request_timeout (20 ms)"));
}

TEST_CASE("a client that does not read is no reason to kill the worker") {
  FakeApp app;
  IdleChild child;
  FakeThread& thread = app.add_worker(1, child.pid()).threads[0];
  FakeExchange exchange(app, "GET", "/");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  thread.answer(sequence, 200, {}, "", 0);
  CHECK(exchange.status() == 200);
  const std::string fills = frame_bytes({.sequence = sequence}, std::string(kAnswerBuffer, 'x'));
  for (std::size_t sent = 0; sent < fills.size(); app.turn()) {
    sent += thread.send_some(std::string_view(fills).substr(sent));
  }
  app.run_until([&thread] { return thread.was_heard(); });
  app.limit_requests(Milliseconds(20));
  thread.frame(sequence, "one byte too many, at least");
  app.run_until([&thread] { return thread.was_heard(); });
  thread.frame(sequence, "not read any more");
  const std::uint64_t until = app.loop.now() + 100;
  app.run_until([&app, until] { return app.loop.now() > until; });
  CHECK(child.ended_by() == 0);
  CHECK_FALSE(thread.was_heard());
  exchange.response().body = std::monostate();  // now it is discarded, and the worker's time runs again
  app.run_until([&child] { return child.ended_by() == SIGKILL; });
}

TEST_CASE("what was handed ahead of a long request is taken back for another worker") {
  config::App settings = FakeApp::settings();
  settings.depth = 2;
  FakeApp app(settings);
  FakeThread& slow = app.add_worker().threads[0];
  app.warm(slow);
  FakeExchange lasts(app, "GET", "/long"), ahead(app, "POST", "/ahead");
  lasts.begin();
  const std::uint64_t sequence = app.next_request(slow).header.sequence;
  ahead.begin();
  FakeThread& quick = app.add_worker().threads[0];
  const ReadMessage message = app.next_request(quick);  // within kLongService and a timer's turn
  CHECK(message.variables.at("PATH_INFO") == "/ahead");
  CHECK_FALSE(slow.read());
  quick.answer(message.header.sequence, 200, {}, "quick");
  CHECK(ahead.body() == "quick");
  slow.answer(sequence, 200, {}, "long");
  CHECK(lasts.body() == "long");
}

TEST_CASE("requests handed ahead to one worker are answered in order, also when their clients leave") {
  FakeApp app;
  FakeWorker& worker = app.add_worker();
  FakeThread& thread = worker.threads[0];
  app.warm(thread);
  FakeExchange first(app, "GET", "/1"), second(app, "GET", "/2"), third(app, "GET", "/3");
  first.begin();
  second.begin();
  third.begin();
  std::string bytes;
  for (const char* body : {"one", "two", "three"}) {
    bytes += answer_bytes(app.next_request(thread).header.sequence, 200, {}, body);
  }
  second.leave();
  thread.send(bytes);
  CHECK(first.body() == "one");
  CHECK(second.status() == 499);
  CHECK(third.body() == "three");
  app.warm(thread);
}

TEST_CASE("closing the lane fails what is under way") {
  FakeApp app;
  const CapturedLog log;
  FakeThread& thread = app.add_worker().threads[0];
  FakeExchange exchange(app, "POST", "/");
  exchange.begin();
  app.next_request(thread);
  bool closed = false;
  app.lane.close([&closed] { closed = true; });
  CHECK(exchange.status() == 502);
  app.run_until([&closed] { return closed; });
}

TEST_CASE("a disk that is full is a 507, and nothing is left behind") {
  FakeApp app;
  FakeExchange exchange(app, "POST", "/");
  exchange.fake.body.pieces = {std::string(300'000, 'x'), std::string(300'000, 'x')};
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limited{100'000, before.rlim_max};  // as a file system without room answers
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limited) == 0);
  const int status = exchange.begin().status();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(status == 507);
  CHECK(std::filesystem::is_empty(app.spool.path()));
}
