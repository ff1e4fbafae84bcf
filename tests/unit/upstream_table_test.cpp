// What `edge status` shows of upstreams: a line for each server, and below it what is wrong.
#include "cmd/upstream_table.h"

#include <doctest/doctest.h>

#include "core/time_text.h"

using namespace edge;

namespace {

UpstreamStatus api() {
  UpstreamStatus upstream{.name = "api", .protocol = "http", .balance = "round_robin", .waiting = 3, .queue = 1'000};
  upstream.retries_left = 100;
  upstream.retried = 5;
  upstream.retries_refused = 1;
  return upstream;
}

}  // namespace

TEST_CASE("upstream table: servers with their state, figures and last error") {
  UpstreamStatus upstream = api();
  upstream.servers.push_back({.name = "10.0.0.5:8000", .state = "up", .max_connections = 100, .in_flight = 12});
  upstream.servers[0].served = 12'345;
  upstream.servers[0].latency = 1'540;
  upstream.servers.push_back({.name = "[2001:db8::1]:8000", .state = "ejected"});
  upstream.servers[1].why = "it could not be reached, broke off or spoke nonsense; 10 s until it is tried again";
  upstream.servers[1].served = 4;
  upstream.servers[1].failed = 3;
  upstream.servers[1].latency = 2'000'000;
  upstream.servers[1].error = "[2001:db8::1]:8000: connection refused: nothing listens";
  upstream.servers[1].error_at = 1'800'000'000;
  upstream.servers.push_back({.name = "unix:/run/spare.sock", .state = "up", .backup = true});
  upstream.unresolved.push_back({.host = "missing.test", .why = "Name or service not known"});
  CHECK(upstream_table(upstream, 100) ==
        "\nupstream api: http, round_robin\n"
        "  queue: 3 of 1000 a loop; retries: 100 left, 5 made, 1 refused\n"
        "  SERVER                STATE       ACTIVE  REQUESTS  FAILED  LATENCY\n"
        "  10.0.0.5:8000         up          12/100     12345       0   1.5 ms\n"
        "  [2001:db8::1]:8000    ejected          0         7       3    2.0 s\n"
        "    it could not be reached, broke off or spoke nonsense; 10 s until it is tried again\n"
        "    " +
            std::string(time_iso8601(1'800'000'000)) +
            "  [2001:db8::1]:8000: connection refused: nothing listens\n"
            "  unix:/run/spare.sock  up, backup       0         0       0        -\n"
            "  missing.test: Name or service not known\n");
}

TEST_CASE("upstream table: one without servers has no head") {
  CHECK(upstream_table(api(), 100) ==
        "\nupstream api: http, round_robin\n  queue: 3 of 1000 a loop; retries: 100 left, 5 made, 1 refused\n");
}

TEST_CASE("upstream table: what is long or commands a terminal stays within the columns") {
  UpstreamStatus upstream = api();
  upstream.balance = "hash $" + std::string(200, 'x');
  ServerStatus server{
      .name = "unix:/" + std::string(90, 'a'), .state = "starting slowly", .why = std::string(300, 'w')};
  server.backup = true;
  server.max_connections = 1'000'000;
  server.in_flight = 1'000'000;
  server.served = 123'456'789'012;
  server.failed = 1'234'567'890;
  server.error = "\x1b[2J" + std::string(300, '\xff');
  upstream.servers.push_back(server);
  upstream.unresolved.push_back({.host = std::string(200, 'h'), .why = "\x07"});
  for (const std::size_t columns : {100U, 120U}) {
    const std::string table = upstream_table(upstream, columns);
    CHECK(table.find('\x1b') == std::string::npos);
    CHECK(table.find("unix:/aaaa") != std::string::npos);
    for (std::size_t at = 0, end = 0; (end = table.find('\n', at)) != std::string::npos; at = end + 1) {
      std::size_t characters = 0;
      for (std::size_t i = at; i < end; ++i) characters += (static_cast<unsigned char>(table[i]) & 0xc0) != 0x80;
      CHECK(characters <= columns);
    }
  }
}
