// Workers that answer many requests at once: slots with places, mixed answers, windows, and what an ASGI app is told.
#include <doctest/doctest.h>

#include <csignal>
#include <functional>
#include <list>

#include "support/captured_log.h"
#include "support/fake_app.h"

using namespace edge;
using namespace edge::test;

namespace {

constexpr std::size_t kQuarter = wire::kAnswerWindow / 4;

/// `count` requests that one worker has read.
struct Several {
  Several(FakeApp& app, const FakeThread& thread, int count) {
    for (int i = 0; i < count; ++i) {
      exchanges.emplace_back(app, "GET", "/" + std::to_string(i)).begin();
      messages.push_back(app.next_request(thread));
    }
  }
  std::uint64_t sequence(std::size_t i) const { return messages[i].header.sequence; }
  FakeExchange& exchange(std::size_t i) { return *std::next(exchanges.begin(), static_cast<std::ptrdiff_t>(i)); }

  std::list<FakeExchange> exchanges;
  std::vector<ReadMessage> messages;
};

void head(const FakeThread& thread, std::uint64_t sequence, std::string_view body = {}) {
  thread.answer(sequence, 200, {}, body, 0);
}

/// That the edge kills a worker which says `bytes` of the first of two requests, and says why.
void check_is_killed(const std::function<void(const FakeThread&, std::uint64_t)>& say, std::string_view why) {
  CapturedLog log;
  IdleChild child;
  FakeApp app;
  FakeThread& thread = app.add_asgi_worker(4, child.pid()).threads[0];
  Several requests(app, thread, 2);
  say(thread, requests.sequence(0));
  app.run_until([&child] { return child.ended_by() == SIGKILL; });
  CHECK(log.text().find(why) != std::string::npos);
  for (FakeExchange& exchange : requests.exchanges) exchange.leave();
}

}  // namespace

TEST_CASE("asgi: a worker takes as many requests as it has places, the rest waits") {
  FakeApp app;
  FakeThread& thread = app.add_asgi_worker(3).threads[0];
  Several requests(app, thread, 3);
  FakeExchange waits(app, "GET", "/waits");
  waits.begin();
  app.turn();
  CHECK_FALSE(thread.read());
  CHECK(app.queue.busy(thread.slot->worker) == 3);
  CHECK(app.lane.running().size() == 3);
  thread.answer(requests.sequence(1), 200, {}, "one");
  CHECK(requests.exchange(1).body() == "one");
  const ReadMessage next = app.next_request(thread);
  CHECK(next.variables.at("PATH_INFO") == "/waits");
  thread.answer(next.header.sequence, 200, {}, "");
  CHECK(waits.status() == 200);
  for (const std::size_t i : {0U, 2U}) thread.answer(requests.sequence(i), 200, {}, "");
}

TEST_CASE("asgi: the worker with the fewest requests gets the next") {
  FakeApp app;
  FakeThread& one = app.add_asgi_worker(1000).threads[0];
  FakeThread& other = app.add_asgi_worker(1000).threads[0];
  std::list<FakeExchange> exchanges;
  for (int i = 0; i < 40; ++i) exchanges.emplace_back(app, "GET", "/").begin();
  std::vector<std::uint64_t> read[2];
  for (int i = 0; i < 20; ++i) {
    read[0].push_back(app.next_request(one).header.sequence);
    read[1].push_back(app.next_request(other).header.sequence);
  }
  for (const std::uint64_t sequence : read[0]) one.answer(sequence, 200, {}, "");
  for (const std::uint64_t sequence : read[1]) other.answer(sequence, 200, {}, "");
  for (FakeExchange& exchange : exchanges) CHECK(exchange.status() == 200);
}

TEST_CASE("asgi: answers come mixed, each reaches its own request") {
  FakeApp app;
  FakeThread& thread = app.add_asgi_worker(8).threads[0];
  Several requests(app, thread, 3);
  head(thread, requests.sequence(2), "c1");
  head(thread, requests.sequence(0), "a1");
  thread.frame(requests.sequence(2), "c2");
  thread.frame(requests.sequence(1), "", wire::kLast | wire::kFailed);
  thread.frame(requests.sequence(0), "a2", wire::kLast);
  thread.frame(requests.sequence(2), "c3", wire::kLast);
  CHECK(requests.exchange(0).body() == "a1a2");
  CHECK(requests.exchange(1).status() == 500);
  CHECK(requests.exchange(2).body() == "c1c2c3");
}

TEST_CASE("asgi: the app is told what the client has taken, so that it need not wait for a slow one") {
  FakeApp app;
  FakeThread& thread = app.add_asgi_worker(8).threads[0];
  Several requests(app, thread, 2);
  const std::string quarter(kQuarter, 'x');
  head(thread, requests.sequence(0));
  for (int i = 0; i < 4; ++i) thread.frame(requests.sequence(0), quarter);
  thread.answer(requests.sequence(1), 200, {}, "quick");
  CHECK(requests.exchange(1).body() == "quick");  // although nobody takes the first answer
  CHECK(thread.notices().empty());
  std::size_t taken = 0;
  while (taken < 2 * kQuarter) taken += requests.exchange(0).pull()->bytes.size();
  std::size_t told = 0;
  const std::string prefix = std::to_string(requests.sequence(0)) + ":taken ";
  for (const std::string& notice : thread.notices()) {
    REQUIRE(notice.starts_with(prefix));
    told += std::stoul(notice.substr(prefix.size()));
  }
  CHECK(told >= kQuarter);
  CHECK(told <= taken);
  thread.frame(requests.sequence(0), std::string(told, 'y'), wire::kLast);
  const std::optional<std::string> rest = requests.exchange(0).body();
  REQUIRE(rest);
  CHECK(rest->size() + taken == 4 * kQuarter + told);
}

TEST_CASE("asgi: what a worker must not say") {
  check_is_killed(
      [](const FakeThread& thread, std::uint64_t sequence) {
        head(thread, sequence);
        for (int i = 0; i < 4; ++i) thread.frame(sequence, std::string(kQuarter, 'x'));
        thread.frame(sequence, "x");
      },
      "more of an answer than its window");
  check_is_killed([](const FakeThread& thread, std::uint64_t sequence) { thread.frame(sequence, "body"); },
                  "an answer that begins without a head");
  check_is_killed([](const FakeThread& thread,
                     std::uint64_t sequence) { thread.frame(sequence, "body", wire::kLast | wire::kFailed); },
                  "an answer that begins without a head");
  check_is_killed(
      [](const FakeThread& thread, std::uint64_t sequence) {
        head(thread, sequence);
        head(thread, sequence);
      },
      "a second head");
  check_is_killed(
      [](const FakeThread& thread, std::uint64_t sequence) {
        places()[sequence] ^= 1;
        thread.answer(sequence, 200, {}, "");
      },
      "an answer to a request that it does not have");
  check_is_killed(
      [](const FakeThread& thread, std::uint64_t sequence) {
        places()[sequence] = 1'000'000;
        thread.answer(sequence, 200, {}, "");
      },
      "an answer to a request that it does not have");
}

TEST_CASE("asgi: the app is told when a client leaves, and the request's place is free when it has ended the answer") {
  FakeApp app;
  FakeThread& thread = app.add_asgi_worker(2).threads[0];
  Several requests(app, thread, 2);
  requests.exchange(0).leave();
  CHECK(thread.notices() == std::vector<std::string>{std::to_string(requests.sequence(0)) + ":left"});
  FakeExchange waits(app, "GET", "/waits");
  waits.begin();
  app.turn();
  CHECK_FALSE(thread.read());
  head(thread, requests.sequence(0), std::string(4 * kQuarter, 'x'));  // it may go on: nobody takes it
  app.turn();
  thread.frame(requests.sequence(0), std::string(4 * kQuarter, 'x'), wire::kLast);
  const ReadMessage next = app.next_request(thread);
  CHECK(next.variables.at("PATH_INFO") == "/waits");
  thread.answer(next.header.sequence, 200, {}, "");
  thread.answer(requests.sequence(1), 200, {}, "");
  CHECK(waits.status() == 200);
  CHECK(requests.exchange(1).status() == 200);
}

TEST_CASE("asgi: a request that runs too long is cancelled, the others and the worker go on") {
  CapturedLog log;
  config::App settings = FakeApp::settings();
  settings.request_timeout = Milliseconds(1'500);
  FakeApp app(settings);
  int dealt_with = 0;
  int in_vain = 0;
  app.lane.on_timeout([&](const ExpiredRequest& request) {
    if (request.ignores_cancel) {
      ++in_vain;
    } else {
      dealt_with += request.asked == 1 ? 1 : 100;
    }
  });
  FakeThread& thread = app.add_asgi_worker(2).threads[0];
  Several requests(app, thread, 1);
  CHECK(requests.exchange(0).status() == 504);
  const std::string name = std::to_string(requests.sequence(0));
  CHECK(thread.notices() == std::vector<std::string>{name + ":cancel 1", name + ":left"});
  CHECK(dealt_with == 1);
  FakeExchange second(app, "GET", "/2");
  second.begin();
  thread.answer(app.next_request(thread).header.sequence, 200, {}, "");
  CHECK(second.status() == 200);
  requests.exchanges.clear();
  SUBCASE("its task goes on all the same") {
    thread.hear();
    app.run_until([&in_vain] { return in_vain > 0; });
    CHECK(log.text().find("whose client has gone goes on 1500 ms after its task was cancelled") != std::string::npos);
  }
  SUBCASE("the event loop has not heard of it") {
    const auto twice = std::chrono::steady_clock::now() + std::chrono::milliseconds(3'200);
    app.run_until([twice] { return std::chrono::steady_clock::now() > twice; });
    CHECK(in_vain == 0);
  }
  CHECK(dealt_with == 1);
  CHECK(log.text().find("killed") == std::string::npos);
  thread.answer(requests.sequence(0), 200, {}, "");
}

TEST_CASE("asgi: what a blocked event loop does not read goes to another worker, and comes back when it reads again") {
  FakeApp app;
  FakeWorker& worker = app.add_asgi_worker(10);
  FakeThread& blocked = worker.threads[0];
  std::list<FakeExchange> exchanges;
  for (int i = 0; i < 3; ++i) exchanges.emplace_back(app, "GET", "/" + std::to_string(i)).begin();
  FakeThread& other = app.add_asgi_worker(10).threads[0];
  for (int i = 0; i < 3; ++i) {
    const ReadMessage message = app.next_request(other);
    other.answer(message.header.sequence, 200, {}, "");
  }
  for (FakeExchange& exchange : exchanges) CHECK(exchange.status() == 200);
  CHECK_FALSE(blocked.read());
  FakeExchange held(app, "GET", "/held");
  held.begin();
  const ReadMessage held_message = app.next_request(other);
  const auto reads_again = [&] {
    FakeExchange probe(app, "GET", "/probe");
    probe.begin();
    std::optional<ReadMessage> message = blocked.read();
    const bool by_blocked = message.has_value();
    if (!message) message = app.next_request(other);
    (by_blocked ? blocked : other).answer(message->header.sequence, 200, {}, "");
    CHECK(probe.status() == 200);
    return by_blocked;
  };
  CHECK_FALSE(reads_again());
  CHECK(blocked.notices() == std::vector<std::string>{"0:cancel 0"});
  blocked.hear();
  app.run_until(reads_again);
  other.answer(held_message.header.sequence, 200, {}, "");
}

TEST_CASE(
    "asgi: while all event loops are blocked a request waits no longer than queue_timeout, and it is said who blocks") {
  CapturedLog log;
  config::App settings = FakeApp::settings();
  settings.queue_timeout = Milliseconds(1'000);
  FakeApp app(settings);
  app.queue.set_limits({.blocked = Milliseconds(1'150)});
  std::vector<ExpiredRequest> stuck;
  app.lane.on_timeout([&stuck](ExpiredRequest request) { stuck.push_back(std::move(request)); });
  FakeThread& blocked = app.add_asgi_worker(10).threads[0];
  FakeExchange waits(app, "GET", "/");
  CHECK(waits.begin().status() == 503);
  CHECK_FALSE(blocked.read());
  app.run_until([&stuck] { return !stuck.empty(); });
  CHECK(stuck[0].asked == 1);
  CHECK(log.text().find("its event loop has been blocked") != std::string::npos);
  blocked.hear();
  settings.queue_timeout = Milliseconds(60'000);
  app.lane.use(std::make_shared<const config::App>(settings));
  FakeExchange later(app, "GET", "/later");
  later.begin();
  blocked.answer(app.next_request(blocked).header.sequence, 200, {}, "");
  CHECK(later.status() == 200);
  CHECK(stuck.size() == 1);
}

TEST_CASE("asgi: a client that leaves a request which nobody has read takes nothing down") {
  CapturedLog log;
  IdleChild child;
  FakeApp app;
  FakeThread& blocked = app.add_asgi_worker(1, child.pid()).threads[0];
  FakeThread& other = app.add_asgi_worker(100).threads[0];
  std::list<FakeExchange> leaving;
  for (int i = 0; i < 20; ++i) leaving.emplace_back(app, "GET", "/").begin();
  for (FakeExchange& exchange : leaving) exchange.leave();
  const auto all_gone = [&] {
    while (const std::optional<ReadMessage> message = other.read()) {
      other.frame(message->header.sequence, "", wire::kLast | wire::kFailed);
    }
    return app.queue.busy(blocked.slot->worker) + app.queue.busy(other.slot->worker) == 0;
  };
  app.run_until(all_gone);
  CHECK(child.ended_by() == 0);
}

TEST_CASE("asgi: a worker that does not read what it is told is killed, but not within the call that tells it") {
  CapturedLog log;
  IdleChild child;
  FakeApp app;
  FakeThread& thread = app.add_asgi_worker(1, child.pid()).threads[0];
  Several requests(app, thread, 1);
  AnswerChannel& channel = *thread.slot->channels[0];
  for (int i = 0; i < 200'000; ++i) channel.ask_whether_it_hears();
  CHECK(app.queue.busy(thread.slot->worker) == 1);
  app.run_until([&child] { return child.ended_by() == SIGKILL; });
  CHECK(log.text().find("does not read what it is told") != std::string::npos);
  requests.exchange(0).leave();
}

TEST_CASE("asgi: a worker that was told to quit is not kept from it by taking requests back") {
  FakeApp app;
  FakeWorker& worker = app.add_asgi_worker(10);
  FakeThread& thread = worker.threads[0];
  worker.process->quit();
  app.queue.take_back(*thread.slot, 0);
  const std::optional<ReadMessage> message = thread.read();
  REQUIRE(message);
  CHECK((message->header.flags & wire::kQuit) != 0);
  CHECK_FALSE(thread.read());
}

TEST_CASE("asgi: a worker that dies takes no request along that it has not read") {
  FakeApp app;
  FakeThread& dies = app.add_asgi_worker(10).threads[0];
  Several requests(app, dies, 2);
  FakeExchange unread(app, "POST", "/unread");
  unread.begin();
  app.turn();
  FakeThread& other = app.add_asgi_worker(10).threads[0];
  const ReadMessage first = app.next_request(other);
  head(dies, requests.sequence(0), "begun");
  CHECK(requests.exchange(0).status() == 200);
  dies.die();
  CHECK_FALSE(requests.exchange(0).body());
  const ReadMessage second = app.next_request(other);
  for (const ReadMessage& message : {first, second}) other.answer(message.header.sequence, 200, {}, "");
  CHECK(requests.exchange(1).status() == 200);  // a GET that was not answered is sent once more
  CHECK(unread.status() == 200);
}
