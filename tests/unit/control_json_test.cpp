// JSON of the control socket: both ways, and what another version or something else may send.
#include "cmd/control_json.h"

#include <doctest/doctest.h>

using namespace edge;

TEST_CASE("control json: a status survives the way there and back") {
  ServiceStatus status;
  status.version = "1.0";
  status.pid = 7;
  status.most_connections = ~std::uint64_t{0};
  status.started_at = -1;
  status.limits.push_back({.limit = "limits.requests 20/s (site.yaml:3:7)", .refused = 4, .would_have_delayed = 5});
  status.limit_keys_forgotten = 6;
  AppStatus app{.name = "blog", .generation = 2};
  app.queue.wait_most = 5;
  app.errors.push_back({.at = 9, .text = "two\nlines"});
  WorkerStatus worker{.number = 1, .memory = 1 << 20};
  worker.running.push_back({.thread = 1, .method = "GET", .target = "/\"x", .milliseconds = 3, .client_gone = true});
  app.generations.push_back({.number = 2, .kept_for = 8, .workers = {worker}});
  app.generations[0].folders.push_back({.url = "/static/", .directory = "/srv/static", .hashed_names = true});
  status.apps.push_back(app);
  ServerStatus server{.name = "10.0.0.5:80", .state = "ejected", .why = "it was too slow", .max_connections = 7};
  server.error = "two\nlines";
  server.error_at = 1'800'000'000;
  status.upstreams.push_back({.name = "api", .protocol = "http", .balance = "hash $request_uri", .waiting = 3});
  status.upstreams[0].servers.push_back(server);
  status.upstreams[0].unresolved.push_back({.host = "a.test", .why = "no such name"});

  const std::string text = json_text(status);
  const Result<ServiceStatus> back = parse_status(text);
  REQUIRE(back);
  CHECK(json_text(*back) == text);
  CHECK(back->most_connections == ~std::uint64_t{0});
  CHECK(back->limits.at(0).limit == "limits.requests 20/s (site.yaml:3:7)");
  CHECK(back->limits[0].refused == 4);
  CHECK(back->limits[0].would_have_delayed == 5);
  CHECK(back->limit_keys_forgotten == 6);
  CHECK(back->apps.at(0).generations.at(0).workers.at(0).running.at(0).target == "/\"x");
  CHECK(back->apps[0].generations[0].folders.at(0).hashed_names);
  CHECK(back->apps[0].errors.at(0).text == "two\nlines");
  CHECK(back->upstreams.at(0).balance == "hash $request_uri");
  CHECK(back->upstreams[0].waiting == 3);
  CHECK(back->upstreams[0].servers.at(0).why == "it was too slow");
  CHECK(back->upstreams[0].servers[0].max_connections == 7);
  CHECK(back->upstreams[0].servers[0].error == "two\nlines");
  CHECK(back->upstreams[0].servers[0].error_at == 1'800'000'000);
  CHECK(back->upstreams[0].unresolved.at(0).why == "no such name");
}

TEST_CASE("control json: bytes that are no UTF-8 make no broken document") {
  const std::string text = json_text(SwapResult{.error = "caf\xe9 \x01"});
  const Result<SwapResult> back = parse_swap_result(text);
  REQUIRE(back);
  CHECK(back->error == "caf\xef\xbf\xbd \x01");
}

TEST_CASE("control json: nothing in a document commands a terminal") {
  const std::string sent =
      "caf\xc3\xa9 \x1b]0;x\x07 \xc2\x9b"
      "2J \x7f";
  const std::string text = json_text(SwapResult{.error = sent});
  for (const char c : text) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
  CHECK(parse_swap_result(text)->error == sent);
}

TEST_CASE("control json: what another version leaves out, adds or calls otherwise does no harm") {
  const Result<ReloadReport> report = parse_reload_report(
      R"({"ok": true, "news": [1], "problems": {"a": 1}, "apps": [3, {"name": 4, "took_ms": "x"}]})");
  REQUIRE(report);
  CHECK(report->ok);
  CHECK(report->problems.empty());
  CHECK(report->apps.size() == 2);
  for (const char* nothing : {"", "[]", "{", "\"text\"", "{} {}", "\xff"}) CHECK(!parse_status(nothing));
  CHECK(parse_error_text(R"({"error": "why"})") == "why");
  CHECK(parse_error_text(R"({"error": 5})").empty());
  CHECK(parse_error_text("<html>").empty());
}
