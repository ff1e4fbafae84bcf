// Upstream status: each state of a server in words.
#include "proxy/upstream_status.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/captured_log.h"
#include "support/polled_loop.h"

using namespace edge;

namespace {

constexpr EjectSettings kEject{.failures = 1, .duration = Milliseconds(10'000)};

Task<Result<int>> answer_unwell(std::shared_ptr<const Server> server) {
  co_return server->name() == "10.0.0.3:80" ? 503 : 200;
}

struct Shown : test::PolledLoop {
  Shown() {
    std::vector<NamedServer> configured;
    for (const char* const host : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "missing.test"})
      configured.push_back({.url = std::string("http://") + host, .host = host, .port = 80});
    configured[1].backup = true;
    configured[1].weight = 3;
    configured[1].max_connections = 7;
    configured[3].down = true;
    servers = std::make_unique<UpstreamServers>(loop, resolver,
                                                UpstreamServers::Settings{.upstream = "api", .servers = configured},
                                                nullptr, [](const auto&) {});
  }
  UpstreamStatus status(const HealthCheck* health = nullptr, std::uint64_t later = 0) {
    return upstream_status("api", *servers, budget, health, Milliseconds(20'000), loop.now() + later);
  }
  Server& server(std::size_t number) { return *servers->group()->members()[number - 1].server; }

  test::CapturedLog log;
  Resolver resolver{loop, [](const std::string&) -> Result<std::vector<Address>> {
                      return fail(ErrorKind::bad_gateway, Side::upstream, "no such name");
                    }};
  RetryBudget budget{{.most = 1}};
  std::unique_ptr<UpstreamServers> servers;
};

}  // namespace

TEST_SUITE("upstream status") {
  TEST_CASE_FIXTURE(Shown, "a healthy upstream shows its figures") {
    REQUIRE(server(2).enter(loop.now(), 0, Milliseconds(0), false) == Entry::taken);
    server(2).note_success(loop.now(), loop.now(), Microseconds(1'500));
    CHECK(budget.try_retry(loop.now()));
    CHECK_FALSE(budget.try_retry(loop.now()));
    const auto first_loop = server(2).add_idle_count();
    first_loop->store(5);
    server(2).add_idle_count()->store(7);  // of a loop that has ended
    const UpstreamStatus shown = status();
    CHECK(shown.name == "api");
    CHECK(shown.retried == 1);
    CHECK(shown.retries_refused == 1);
    REQUIRE(shown.servers.size() == 4);
    CHECK(shown.servers[0].state == "up");
    CHECK(shown.servers[0].why.empty());
    CHECK(shown.servers[1].name == "10.0.0.2:80");
    CHECK(shown.servers[1].url == "http://10.0.0.2");
    CHECK(shown.servers[1].backup);
    CHECK(shown.servers[1].weight == 3);
    CHECK(shown.servers[1].max_connections == 7);
    CHECK(shown.servers[1].in_flight == 1);
    CHECK(shown.servers[1].idle == 5);
    CHECK(shown.servers[0].idle == 0);
    CHECK(shown.servers[1].served == 1);
    CHECK(shown.servers[1].latency == 1'500);
    CHECK(shown.servers[3].state == "down");
    CHECK(shown.servers[3].why == "by the configuration");
    server(2).leave();
  }

  TEST_CASE_FIXTURE(Shown, "the last failure is shown with its time") {
    CHECK(status().servers[0].error.empty());
    CHECK(status().retries_left == 1);
    server(1).keep_failure(1'800'000'000, "10.0.0.1:80: connection refused");
    CHECK(status().servers[0].error == "10.0.0.1:80: connection refused");
    CHECK(status().servers[0].error_at == 1'800'000'000);
  }

  TEST_CASE_FIXTURE(Shown, "an ejected server shows its way back") {
    server(1).note_failure(loop.now(), loop.now(), kEject, ErrorKind::timed_out);
    CHECK(status().servers[0].state == "ejected");
    CHECK(status().servers[0].why == "it was too slow; 10 s until it is tried again");
    CHECK(status().servers[0].failed == 1);
    CHECK(status(nullptr, 10'000).servers[0].state == "on trial");
    CHECK(status(nullptr, 10'000).servers[0].why == "it was too slow; the next request tries it");
    server(1).let_up(loop.now());
    CHECK(status(nullptr, 5'000).servers[0].state == "starting slowly");
    CHECK(status(nullptr, 5'000).servers[0].why == "25 % of its weight");
    CHECK(status(nullptr, 20'000).servers[0].state == "up");
  }

  TEST_CASE_FIXTURE(Shown, "a server that the health check holds down shows why, as does one that is about to be") {
    HealthCheck health(
        loop, {.interval = Milliseconds(5), .fall = 100},
        [](const std::shared_ptr<const Server>& server, Cancellation&) { return answer_unwell(server); }, 1);
    health.watch(*servers->group());
    run_until([&] { return !health.reason(server(3)).empty(); });
    CHECK(status(&health).servers[2].state == "up");
    CHECK(status(&health).servers[2].why == "last health check: it answered with status 503");
    server(3).hold_down();
    CHECK(status(&health).servers[2].state == "down");
    CHECK(status(&health).servers[2].why == "health check: it answered with status 503");
    server(1).hold_down();
    CHECK(status(&health).servers[0].why == "health check: not yet good often enough");
  }

  TEST_CASE_FIXTURE(Shown, "names that are not resolved are shown with the reason") {
    REQUIRE(status().unresolved.size() == 1);
    CHECK(status().unresolved[0].host == "missing.test");
    CHECK(status().unresolved[0].why == "it is being looked up");
    run_until([this] { return servers->are_looked_up(); });
    CHECK(status().unresolved[0].why == "no such name");
  }
}
