// The table of `edge status`, and what the other commands print.
#include "cmd/status_table.h"

#include <doctest/doctest.h>

#include "cmd/control_commands.h"
#include "cmd/exit_code.h"
#include "cmd/human_text.h"
#include "core/time_text.h"

using namespace edge;

namespace {

ServiceStatus small_status() {
  ServiceStatus status;
  status.version = "0.2.0";
  status.pid = 4711;
  status.file = "/srv/site.yaml";
  status.state = "serving";
  status.started_at = 1'800'000'000;
  status.uptime = 273'600'000;
  status.loops = 2;
  status.connections = 12;
  status.most_connections = 20'000;
  return status;
}

WorkerStatus worker_of(std::uint32_t number, std::string state) {
  return {.number = number,
          .generation = 3,
          .pid = 5000,
          .state = std::move(state),
          .requests = 10'234,
          .age = 12'345,
          .memory = 50'600'000};
}

}  // namespace

TEST_CASE("status table: a process without apps is three lines") {
  CHECK(status_table(small_status(), 100) == "edge 0.2.0 (pid 4711), serving since " +
                                                 std::string(time_iso8601(1'800'000'000)) +
                                                 " (3d 4h)\n/srv/site.yaml\n2 loops, 12 of 20000 connections\n");
}

TEST_CASE("status table: an app with its queue, workers, generations and errors") {
  ServiceStatus status = small_status();
  AppStatus app{.name = "blog", .state = "reloading", .generation = 3};
  app.queue = {.waiting = 2,
               .limit = 1000,
               .longest_wait = 350,
               .granted = 10'000,
               .waited = 1'250,
               .wait_total = 3'875'000,
               .wait_most = 1'200'000,
               .refused = 4,
               .timed_out = 2,
               .left = 7};
  WorkerStatus busy = worker_of(1, "busy");
  busy.in_flight = 5;
  busy.running.push_back({.thread = 0, .method = "GET", .target = "/slow?x=1", .milliseconds = 1'234});
  busy.running.push_back(
      {.thread = 1, .method = "POST", .target = "/upload", .milliseconds = 200, .client_gone = true});
  app.generations.push_back({.number = 4, .state = "importing", .zygote = 1, .age = 2'100});
  app.generations.push_back({.number = 3,
                             .state = "serving",
                             .zygote = 2,
                             .python = "/srv/.venv/bin/python",
                             .folders = {{.url = "/static/", .directory = "/srv/st\x1b", .hashed_names = true},
                                         {.url = "/media/", .directory = "/srv/media"}},
                             .workers = {busy, worker_of(12, "idle")}});
  app.generations.back().workers.back().pid = 0;
  app.generations.back().workers.back().memory = 0;
  app.generations.push_back({.number = 2, .state = "kept for rollback", .zygote = 3, .kept_for = 58'000});
  app.errors.push_back(
      {.at = 1'800'000'100, .text = "Traceback (most recent call last):\n  File \"x\"\nImportError: no\tmodule\n\n"});
  app.errors.push_back({.at = 1'800'000'000, .text = "worker 3 died\nof signal 11"});
  status.apps.push_back(app);

  const std::string late(time_iso8601(1'800'000'100));
  const std::string early(time_iso8601(1'800'000'000));
  const std::string table = status_table(status, 100);
  CHECK(table.substr(table.find("\n\n") + 2) ==
        "blog: reloading, generation 3, /srv/.venv/bin/python\n"
        "  queue: 2 of 1000, the first for 350 ms\n"
        "         12.5% of 10000 requests waited, 3 ms on average, 1.2 s at most\n"
        "         4 refused (full), 2 waited too long, 7 left while waiting\n"
        "  files: /static/ from /srv/st\\x1B, hashed names immutable\n"
        "         /media/ from /srv/media\n"
        "  WORKER  GEN   PID  STATE  REQUESTS     AGE  MEMORY  DOING\n"
        "       1    3  5000  busy      10234  12.3 s  48 MiB  GET /slow?x=1 (1.2 s)\n"
        "                                                      POST /upload (200 ms, client gone)\n"
        "                                                      and 3 more\n"
        "      12    3     -  idle      10234  12.3 s       -\n"
        "  generation 4: importing, 2.1 s old\n"
        "  generation 2: kept for rollback, for another 58.0 s\n"
        "  " +
            late +
            "  ImportError: no module\n"
            "  " +
            early + "  worker 3 died\n");
}

TEST_CASE("status table: what clients and apps say is cut and harmless") {
  ServiceStatus status = small_status();
  AppStatus app{.name = "blog", .state = "serving", .generation = 3};
  WorkerStatus busy = worker_of(1, "busy");
  busy.running.push_back({.method = "GET", .target = "/" + std::string(500, 'x'), .milliseconds = 5});
  busy.running.push_back({.method = "GET", .target = "/\x1b[2J\xff\n" + std::string(100, '\x07'), .milliseconds = 5});
  app.generations.push_back({.number = 3, .state = "serving", .workers = {busy}});
  std::string umlauts;
  for (int i = 0; i < 200; ++i) umlauts += "ä";
  app.errors.push_back({.at = 0, .text = umlauts});
  status.apps.push_back(app);
  const std::string table = status_table(status, 100);
  std::size_t lines = 0;
  for (std::size_t at = 0, end = 0; (end = table.find('\n', at)) != std::string::npos; at = end + 1, ++lines) {
    std::size_t characters = 0;
    for (std::size_t i = at; i < end; ++i) characters += (static_cast<unsigned char>(table[i]) & 0xc0) != 0x80;
    CHECK(characters <= 100);
  }
  CHECK(lines == 10);
  CHECK(table.find("xxx… (5 ms)") != std::string::npos);
  CHECK(table.find("GET /\\x1B[2J\\xFF\\x0A\\x07") != std::string::npos);
  CHECK(table.find("ää…\n") != std::string::npos);
  CHECK(table.find('\x1b') == std::string::npos);
}

TEST_CASE("human text: sizes and spans") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1024) == "1.0 KiB");
  CHECK(human_bytes(1'048'575) == "1.0 MiB");
  CHECK(human_bytes(10'480'000) == "10 MiB");
  CHECK(human_bytes(1'288'490'189) == "1.2 GiB");
  CHECK(human_bytes(~std::uint64_t{0}) == "16384 PiB");
  CHECK(human_time(0) == "0 ms");
  CHECK(human_time(999) == "999 ms");
  CHECK(human_time(59'999) == "59.9 s");
  CHECK(human_time(320'000) == "5m 20s");
  CHECK(human_time(14'700'000) == "4h 5m");
  CHECK(human_time(86'400'000) == "1d 0h");
}

TEST_CASE("reload text: one line an app, and an exit code that tells the worst") {
  ReloadReport report{.ok = true};
  CHECK(reload_text(report).out == "reloaded\n");
  report.apps.push_back(
      {.name = "blog", .outcome = "reloaded", .generation = 3, .because = "site.yaml changed", .took = 400});
  report.apps.push_back({.name = "shop", .outcome = "unchanged", .generation = 1});
  report.needs_restart.emplace_back("edge.threads");
  const ReloadText good = reload_text(report);
  CHECK(good.out == "blog: generation 3 serves (400 ms): site.yaml changed\nshop: unchanged\n");
  CHECK(good.error == "edge.threads: takes effect only once edge is stopped and started again\n");
  CHECK(good.status == kExitOk);

  report.ok = false;
  report.needs_restart.clear();
  report.apps[0] = {.name = "blog", .outcome = "failed", .generation = 2, .error = "Traceback:\n  File\x1b\nError"};
  report.apps[1] = {.name = "shop", .outcome = "failed"};
  const ReloadText failed = reload_text(report);
  CHECK(failed.out.empty());
  CHECK(failed.error ==
        "blog: NOT reloaded, generation 2 serves on:\n  Traceback:\n    File\\x1B\n  Error\n"
        "shop: NOT reloaded:\n");
  CHECK(failed.status == kExitApp);

  report.problems = {"site.yaml:1:1: wrong"};
  const ReloadText wrong = reload_text(report);
  CHECK(wrong.out.empty());
  CHECK(wrong.error == "site.yaml:1:1: wrong\n");
  CHECK(wrong.status == kExitConfiguration);
}

TEST_CASE("reload text: what was applied, and what was not") {
  ReloadReport report{.ok = true};
  report.apps.push_back({.name = "wiki", .outcome = "started", .generation = 1});
  report.applied = {"http: applied", "sites: 2 listeners opened, 1 closed"};
  const ReloadText good = reload_text(report);
  CHECK(good.out == "wiki: started\nhttp: applied\nsites: 2 listeners opened, 1 closed\n");
  CHECK(good.status == kExitOk);
  report.ok = false;
  report.not_applied = {"site.yaml:1:1: no\x1b"};
  CHECK(reload_text(report).error == "site.yaml:1:1: no\\x1B\n");
  CHECK(reload_text(report).status == kExitFailed);

  ReloadReport failed{.nothing_changed = true};
  failed.apps.push_back({.name = "wiki", .outcome = "failed", .error = "why"});
  failed.needs_restart = {"edge.threads"};
  CHECK(reload_text(failed).error == "wiki: NOT started:\n  why\nnothing was changed: what served before goes on\n");
  CHECK(reload_text(failed).status == kExitApp);
}
