// Server: places, rests that double, the one request that tries, slow start, latency; and all of it from many threads.
#include "proxy/server.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "proxy/retry_budget.h"
#include "support/balanced_servers.h"
#include "support/captured_log.h"

using namespace edge;
using test::make_server;

namespace {

constexpr EjectSettings kEject{.failures = 3, .duration = Milliseconds(10'000)};
constexpr Milliseconds kTrial{10'000};

void fail_times(Server& server, int times, std::uint64_t now) {
  for (int i = 0; i < times; ++i) server.note_failure(now, now, kEject, ErrorKind::timed_out);
}

/// Its rest is over, and the request that tries it begins.
void begin_trial(Server& server) {
  const std::uint64_t now = server.ejected_until();
  REQUIRE(server.enter(now, 0, kTrial, false) == Entry::taken);
  server.leave();
}

}  // namespace

TEST_SUITE("upstream server") {
  TEST_CASE("it is named by its address or its socket") {
    CHECK(make_server(7)->name() == "10.0.0.7:80");
    CHECK(Server("api", "http://unix:/run/a.sock", {.unix_path = "/run/a.sock"}).name() == "unix:/run/a.sock");
    CHECK(make_server(1)->number() != make_server(1)->number());
  }

  TEST_CASE("only failures in a row eject it") {
    const auto server = make_server(1);
    for (int i = 0; i < 5; ++i) {
      fail_times(*server, 2, 100);
      server->note_success(100, 100, Microseconds(5));
    }
    CHECK(server->standing(100) == Standing::up);
    fail_times(*server, 3, 100);
    CHECK(server->standing(100) == Standing::ejected);
    CHECK(server->standing(10'099) == Standing::ejected);
    CHECK(server->standing(10'100) == Standing::trial_due);
    CHECK(server->served() == 5);
    CHECK(server->failed() == 13);
    CHECK(server->last_failure() == ErrorKind::timed_out);
  }

  TEST_CASE("it is never ejected when that is turned off") {
    const auto server = make_server(1);
    for (int i = 0; i < 50; ++i) server->note_failure(1, 1, {.failures = 0}, ErrorKind::bad_gateway);
    CHECK(server->standing(1) == Standing::up);
  }

  TEST_CASE("its rest doubles up to eight times while trials fail") {
    const auto server = make_server(1);
    fail_times(*server, 3, 1);
    CHECK(server->ejected_until() == 10'001);
    for (const std::uint64_t rest : {20'000UL, 40'000UL, 80'000UL, 80'000UL}) {
      const std::uint64_t now = server->ejected_until();
      begin_trial(*server);
      fail_times(*server, 1, now);
      CHECK(server->ejected_until() == now + rest);
    }
  }

  TEST_CASE("it rests longer when it fails again soon, and as at first after a good while") {
    const auto server = make_server(1);
    fail_times(*server, 3, 1);
    begin_trial(*server);
    server->note_success(10'001, 10'002, Microseconds(5));
    CHECK(server->standing(10'002) == Standing::up);
    fail_times(*server, 3, 10'100);
    CHECK(server->ejected_until() == 30'100);
    begin_trial(*server);
    server->note_success(30'100, 30'100, Microseconds(5));
    fail_times(*server, 3, 110'100);
    CHECK(server->ejected_until() == 120'100);
  }

  TEST_CASE("requests from before it was ejected neither bring it back nor prolong its rest") {
    const auto server = make_server(1);
    fail_times(*server, 3, 500);
    server->note_success(400, 600, Microseconds(5));
    CHECK(server->standing(600) == Standing::ejected);
    fail_times(*server, 20, 700);
    CHECK(server->ejected_until() == 10'500);
    begin_trial(*server);
    server->note_failure(400, 10'600, kEject, ErrorKind::timed_out);
    CHECK(server->ejected_until() == 20'500);  // the trial is still on
    server->note_success(10'500, 10'700, Microseconds(5));
    for (int i = 0; i < 5; ++i) server->note_failure(10'500, 10'800, kEject, ErrorKind::timed_out);
    CHECK(server->standing(10'800) == Standing::up);
  }

  TEST_CASE("what was let in regardless brings it back by an answer") {
    const auto server = make_server(1);
    fail_times(*server, 3, 500);
    CHECK(server->enter(600, 0, kTrial, false) == Entry::resting);
    CHECK(server->in_flight() == 0);
    CHECK(server->enter(600, 0, kTrial, true) == Entry::taken);
    server->note_success(600, 610, Microseconds(5));
    CHECK(server->standing(610) == Standing::up);
  }

  TEST_CASE("the answer that ends its rest is told from others") {
    const test::CapturedLog log;
    const auto server = make_server(1);
    CHECK_FALSE(server->note_success(0, 1, Microseconds(5)));
    fail_times(*server, 3, 1'000);
    begin_trial(*server);
    const std::uint64_t now = server->ejected_until();
    CHECK(server->note_success(now, now, Microseconds(5)));
    CHECK_FALSE(server->note_success(now, now + 1, Microseconds(5)));
  }

  TEST_CASE("it keeps its last failure, cut to a bound") {
    const auto server = make_server(1);
    CHECK(server->past_failure().at == 0);
    server->keep_failure(7, "connection refused");
    server->keep_failure(9, std::string(10'000, 'x'));
    CHECK(server->past_failure().at == 9);
    CHECK(server->past_failure().text == std::string(500, 'x'));
  }

  TEST_CASE("its places are bounded") {
    const auto server = make_server(1);
    CHECK(server->enter(1, 2, kTrial, false) == Entry::taken);
    CHECK(server->enter(1, 2, kTrial, false) == Entry::taken);
    CHECK(server->enter(1, 2, kTrial, false) == Entry::full);
    CHECK(server->enter(1, 2, kTrial, true) == Entry::full);
    server->leave();
    CHECK(server->enter(1, 2, kTrial, false) == Entry::taken);
    CHECK(server->in_flight() == 2);
  }

  TEST_CASE("a place is given back however its use ends") {
    const auto server = make_server(1);
    const auto enter = [&server] {
      CHECK(server->enter(1, 0, kTrial, false) == Entry::taken);
      return ServerUse(server, 1);
    };
    {
      ServerUse one = enter();
      ServerUse two = std::move(one);
      CHECK_FALSE(one);  // NOLINT(bugprone-use-after-move): empty by its contract
      CHECK(server->in_flight() == 1);
      two = enter();
      CHECK(server->in_flight() == 1);
    }
    CHECK(server->in_flight() == 0);
  }

  TEST_CASE("slow start ramps from a fiftieth to all of the weight") {
    constexpr Milliseconds kRamp{10'000};
    CHECK(make_server(1)->share(5, kRamp) == 1'000);
    const auto joined = make_server(2, 1'000);
    CHECK(joined->share(1'000, Milliseconds(0)) == 1'000);
    CHECK(joined->share(999, Milliseconds(0)) == 1'000);  // by a loop whose turn began before it came
    CHECK(joined->share(999, kRamp) == 20);
    CHECK(joined->share(1'000, kRamp) == 20);
    CHECK(joined->share(3'500, kRamp) == 250);
    CHECK(joined->share(10'999, kRamp) == 999);
    CHECK(joined->share(11'000, kRamp) == 1'000);
  }

  TEST_CASE("the health check holds it down, and lets it up with a clean slate") {
    const auto server = make_server(1);
    fail_times(*server, 3, 100);
    server->hold_down();
    CHECK(server->standing(100'000) == Standing::held_down);
    server->let_up(200);
    CHECK(server->standing(200) == Standing::up);
    CHECK(server->share(200, Milliseconds(1'000)) == 20);
    fail_times(*server, 2, 300);
    CHECK(server->standing(300) == Standing::up);
  }

  TEST_CASE("latency is an average that fades") {
    const auto server = make_server(1);
    CHECK(server->latency(0).count() == 0);
    server->note_success(0, 0, Microseconds(8'000));
    CHECK(server->latency(0).count() == 8'000);
    server->note_success(0, 0, Microseconds(16'000));
    CHECK(server->latency(0).count() == 9'000);
    CHECK(server->latency(10'000).count() == 4'500);
    CHECK(server->latency(100'000'000).count() == 0);
    server->note_success(0, 0, Microseconds(0));
    CHECK(server->latency(0).count() > 0);
  }

  TEST_CASE("the log says when it is left alone and when it answers again") {
    test::CapturedLog log;
    const auto server = make_server(1);
    fail_times(*server, 3, 1);
    begin_trial(*server);
    fail_times(*server, 1, 10'001);
    begin_trial(*server);
    server->note_success(30'001, 30'001, Microseconds(5));
    const std::string text = log.text();
    CHECK(
        text.contains("warn [api] server 10.0.0.1:80 is left alone for 10 s after 3 failures in a row, at last: it "
                      "was too slow"));
    CHECK(text.contains("warn [api] server 10.0.0.1:80 is left alone for 20 s more: it was too slow"));
    CHECK(text.contains("info [api] server 10.0.0.1:80 answers again"));
    make_server(2)->note_failure(1, 1, {.failures = 1, .duration = Milliseconds(500)}, ErrorKind::bad_gateway);
    CHECK(
        log.contains("10.0.0.2:80 is left alone for 500 ms after 1 failure: it could not be reached, "
                     "broke off or spoke nonsense"));
  }
}

TEST_SUITE("upstream servers of many threads") {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kTurns = 5'000;

  TEST_CASE("places never exceed their bound, and none is lost while servers come and go") {
    std::vector<ServerGroup::Member> members = test::make_members({1, 2, 1});
    for (ServerGroup::Member& member : members) member.max_connections = 2;
    const ServerGroup group(members, false);
    std::atomic<bool> exceeded = false;
    const auto work = [&](std::uint32_t seed) {
      Balancer balancer({.method = BalanceMethod::random, .slow_start = Milliseconds(50)}, seed);
      RetryBudget budget;
      for (std::uint64_t turn = 1; turn <= kTurns; ++turn) {
        const TriedServers tried;
        std::expected<ServerUse, NoServer> use = balancer.pick(group, {.now = turn, .tried = tried});
        if (!use) continue;
        if ((*use)->in_flight() > 2) exceeded = true;
        if ((turn + seed) % 3 == 0)
          use->failed(turn, {.failures = 2, .duration = Milliseconds(5)}, ErrorKind::closed);
        else
          use->succeeded(turn, Microseconds(turn % 100));
        if (turn % 100 == 0) (*use)->hold_down();
        if (turn % 100 == 50) members[turn % 3].server->let_up(turn);
      }
    };
    std::vector<std::thread> threads;
    for (std::uint32_t i = 1; i <= kThreads; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
    CHECK_FALSE(exceeded);
    for (const ServerGroup::Member& member : members) CHECK(member.server->in_flight() == 0);
  }

  TEST_CASE("of all loops one request tries a server after its rest") {
    const auto server = make_server(1);
    fail_times(*server, 3, 1);
    std::atomic<int> taken = 0;
    const auto work = [&] {
      for (int i = 0; i < 1'000; ++i)
        if (server->enter(20'000, 0, kTrial, false) == Entry::taken) ++taken;
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    CHECK(taken == 1);
    CHECK(server->in_flight() == 1);
  }
}
