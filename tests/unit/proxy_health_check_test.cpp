// HealthCheck: rise and fall, what counts as well, checks that hang, servers that come and go, and the jitter.
#include "proxy/health_check.h"

#include <doctest/doctest.h>

#include <coroutine>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/health_count.h"
#include "support/balanced_servers.h"
#include "support/captured_log.h"
#include "support/polled_loop.h"

using namespace edge;

namespace {

/// Waits until it is cancelled.
class UntilCancelled : Cancellation::Waiter {
 public:
  explicit UntilCancelled(Cancellation& cancellation) : cancellation_(cancellation) {}
  bool await_ready() const { return cancellation_.requested(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    cancellation_.enter(*this);
  }
  bool await_resume() const { return cancellation_.requested(); }

 private:
  void cancel() override { waiter_.resume(); }

  Cancellation& cancellation_;
  std::coroutine_handle<> waiter_;
};

/// What servers answer, by name. 0: nothing ever. Negative: an error.
struct Answers {
  std::map<std::string, int> statuses;
  std::map<std::string, int> asked;
  int hanging = 0;
  std::vector<std::uint64_t> times;
};

Task<Result<int>> ask(std::shared_ptr<Answers> answers, Loop& loop, std::string name, Cancellation& cancellation) {
  ++answers->asked[name];
  answers->times.push_back(loop.now());
  const int status = answers->statuses[name];
  if (status > 0) co_return status;
  if (status < 0) co_return fail(ErrorKind::bad_gateway, Side::upstream, "connection refused");
  ++answers->hanging;
  const bool is_cancelled = co_await UntilCancelled(cancellation);
  --answers->hanging;
  co_return fail(is_cancelled ? ErrorKind::closed : ErrorKind::internal, Side::client);
}

struct Checking : test::PolledLoop {
  Checking() {
    settings.interval = Milliseconds(10);
    settings.timeout = Milliseconds(10'000);
    for (const ServerGroup::Member& member : members) answers->statuses[member.server->name()] = 200;
  }

  void begin() {
    const auto probe = [answers = answers, &on = loop](const std::shared_ptr<const Server>& server,
                                                       Cancellation& cancellation) {
      return ask(answers, on, server->name(), cancellation);
    };
    check = std::make_unique<HealthCheck>(loop, settings, probe, 1U, [this] {
      ++changes;
      asked_until_back = asked(1);
    });
    check->watch(ServerGroup(members, false));
  }
  Server& server(std::size_t number) { return *members[number - 1].server; }
  int asked(std::size_t number) { return answers->asked[server(number).name()]; }
  void answer(std::size_t number, int status) { answers->statuses[server(number).name()] = status; }
  void run_checks(std::size_t number, int count) {
    const int until = asked(number) + count;
    run_until([=, this] { return asked(number) >= until; });
  }

  test::CapturedLog log;
  HealthSettings settings;
  std::shared_ptr<Answers> answers = std::make_shared<Answers>();
  std::vector<ServerGroup::Member> members = test::make_members({1, 1});
  std::unique_ptr<HealthCheck> check;
  int changes = 0;
  int asked_until_back = 0;  // the first server, as of the last that came back
};

}  // namespace

TEST_SUITE("health check") {
  TEST_CASE("a server falls after failures in a row and rises after successes in a row") {
    HealthCount count(2, 3, true);
    for (const bool is_well : {false, false, true, false, false}) CHECK_FALSE(count.take(is_well));
    CHECK(count.is_up());
    CHECK(count.take(false));
    CHECK_FALSE(count.is_up());
    for (const bool is_well : {false, true, false, true}) CHECK_FALSE(count.take(is_well));
    CHECK(count.take(true));
    CHECK(count.is_up());
    CHECK(HealthCount(1, 1, false).take(true));
  }

  TEST_CASE_FIXTURE(Checking, "a server that answers otherwise is held down until it is well again") {
    begin();
    run_checks(1, 2);
    CHECK_FALSE(server(1).is_held_down());
    answer(1, 503);
    run_until([&] { return server(1).is_held_down(); });
    CHECK(check->reason(server(1)) == "it answered with status 503");
    CHECK(
        log.contains("warn [api] server 10.0.0.1:80 is down: 3 health checks in a row failed, at last: it answered "
                     "with status 503"));
    CHECK_FALSE(server(2).is_held_down());
    CHECK(changes == 1);
    answer(1, 302);
    run_until([&] { return !server(1).is_held_down(); });
    CHECK(changes == 2);
    CHECK(check->reason(server(1)).empty());
    CHECK(log.contains("info [api] server 10.0.0.1:80 is up again: 2 health checks in a row were good"));
    CHECK(server(1).share(loop.now(), Milliseconds(60'000)) < 1'000);
  }

  TEST_CASE_FIXTURE(Checking, "only the configured statuses are good") {
    settings.statuses = {{200, 200}, {204, 299}};
    settings.fall = 1;
    answer(1, 204);
    answer(2, 203);
    begin();
    run_until([&] { return server(2).is_held_down() && asked(1) > 2; });
    CHECK_FALSE(server(1).is_held_down());
  }

  TEST_CASE_FIXTURE(Checking, "a connection that is refused is a failure, with its reason") {
    answer(2, -1);
    begin();
    run_until([&] { return server(2).is_held_down(); });
    CHECK(check->reason(server(2)) == "connection refused");
  }

  TEST_CASE_FIXTURE(Checking, "a check that hangs is cancelled, and never a second one begun beside it") {
    settings.timeout = Milliseconds(15);
    answer(1, 0);
    begin();
    int most = 0;
    run_until([&] {
      most = std::max(most, answers->hanging);
      return server(1).is_held_down();
    });
    CHECK(most == 1);
    CHECK(check->reason(server(1)) == "no answer within 15 ms");
  }

  TEST_CASE_FIXTURE(Checking, "the end of the checks cancels one that is under way, without effect") {
    settings.fall = 1;
    answer(1, 0);
    begin();
    run_until([&] { return answers->hanging == 1; });
    check.reset();
    CHECK(answers->hanging == 0);
    CHECK_FALSE(server(1).is_held_down());
  }

  TEST_CASE_FIXTURE(Checking, "another group: who stays goes on, who goes is left alone, who is down is not asked") {
    answer(1, 0);
    begin();
    run_until([&] { return answers->hanging == 1 && asked(2) > 0; });
    std::vector<ServerGroup::Member> next{
        members[1], {.server = test::make_server(3), .down = true}, {.server = test::make_server(4)}};
    answers->statuses["10.0.0.4:80"] = 200;
    check->watch(ServerGroup(next, false));
    CHECK(answers->hanging == 0);
    const int before = asked(1);
    run_until([&] { return answers->asked["10.0.0.4:80"] > 2; });
    run_checks(2, 2);
    CHECK(asked(1) == before);
    CHECK(answers->asked["10.0.0.3:80"] == 0);
    CHECK(check->reason(server(1)).empty());
  }

  TEST_CASE_FIXTURE(Checking, "a server that is held down from before rises by the same count") {
    server(1).hold_down();
    begin();
    run_until([&] { return !server(1).is_held_down(); });
    CHECK(asked_until_back == 2);
  }

  TEST_CASE_FIXTURE(Checking, "the time between checks varies by a tenth around the interval") {
    settings.interval = Milliseconds(100);
    members.pop_back();
    begin();
    run_checks(1, 8);
    std::set<std::uint64_t> between;
    for (std::size_t i = 1; i < answers->times.size(); ++i) {
      const std::uint64_t gap = answers->times[i] - answers->times[i - 1];
      CHECK(gap >= 90);
      between.insert(gap);
    }
    CHECK(between.size() > 1);
  }
}
