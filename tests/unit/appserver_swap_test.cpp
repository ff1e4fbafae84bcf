// AppPool: reload, rollback, growth, shrinking, and workers that are used up. Real interpreters.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>

#include <csignal>
#include <set>

#include "support/captured_log.h"
#include "support/running_pool.h"

using namespace edge;
using namespace edge::test;

namespace {

constexpr const char* kVersion = R"(
import fcntl, os, signal
VERSION = b"one"
def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        signal.sigtimedwait([signal.SIGUSR2], 0.3)
    if environ["PATH_INFO"] == "/held":
        with open("gate") as gate:
            fcntl.flock(gate, fcntl.LOCK_SH)
    start_response("200 OK", [])
    return [VERSION + b" " + str(os.getpid()).encode()]
)";

struct VersionedApp : HelloApp {
  VersionedApp() { write("one"); }
  void write(const std::string& version) {
    std::string text = kVersion;
    text.replace(text.find("one"), 3, version);
    app.wsgi_file = folder.write("app.py", text).string();
  }
};

/// Requests of /held wait until it is opened.
struct Gate {
  explicit Gate(const HelloApp& app) : fd(::open(app.folder.write("gate", "").c_str(), O_RDONLY | O_CLOEXEC)) {
    REQUIRE(::flock(fd.get(), LOCK_EX) == 0);
  }
  void open() { fd.reset(); }

  UniqueFd fd;
};

/// Runs the main loop until the pool has answered what `ask` asks it with the function that it is given.
template <class Value, class Ask>
Value answer_of(Pool& pool, Ask ask) {
  Value answer;
  ask([&](Value got) {
    answer = std::move(got);
    pool.main.stop();
  });
  pool.main.run();
  return answer;
}

SwapResult reload(Pool& pool, const config::App& app, bool differs = true) {
  return answer_of<SwapResult>(pool, [&](auto then) { pool.pool->reload(app, differs, std::move(then)); });
}

SwapResult rollback(Pool& pool) {
  return answer_of<SwapResult>(pool, [&](auto then) { pool.pool->rollback(std::move(then)); });
}

AppStatus status(Pool& pool) {
  return answer_of<AppStatus>(pool, [&](auto then) { pool.pool->status(std::move(then)); });
}

std::string version(Pool& pool) {
  const std::string body = pool.get("/").body;
  return body.substr(0, body.find(' '));
}

std::set<pid_t> pids(Pool& pool) {
  std::set<pid_t> found;
  for (const GenerationStatus& generation : status(pool).generations) {
    for (const WorkerStatus& worker : generation.workers) found.insert(worker.pid);
  }
  return found;
}

}  // namespace

TEST_CASE("a reload serves the new code, and a rollback the old one again") {
  CapturedLog log;
  VersionedApp hello;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  CHECK(version(pool) == "one");
  const std::set<pid_t> before = pids(pool);
  hello.write("two");
  const SwapResult result = reload(pool, hello.app);
  CHECK(result.ok);
  CHECK(result.generation == 2);
  CHECK(version(pool) == "two");
  pool.run_until([&] { return status(pool).generations.front().state == "kept for rollback"; });
  for (const pid_t pid : before) CHECK_FALSE(is_alive(std::to_string(pid)));
  const SwapResult back = rollback(pool);
  CHECK(back.ok);
  CHECK(back.generation == 1);
  CHECK(version(pool) == "one");
  CHECK(rollback(pool).generation == 2);  // and forth
  CHECK(version(pool) == "two");
  CHECK(log.contains("generation 1 serves after"));
}

TEST_CASE("a reload that fails leaves everything as it was, and says why") {
  CapturedLog log;
  VersionedApp hello;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  const std::set<pid_t> before = pids(pool);
  config::App wrong = hello.app;
  SUBCASE("the import raises") {
    wrong.wsgi_file = hello.folder.write("wrong.py", "1 / 0\n").string();
    const SwapResult result = reload(pool, wrong);
    CHECK_FALSE(result.ok);
    CHECK(result.generation == 1);
    CHECK(result.error.contains("ZeroDivisionError"));
    CHECK(result.error.contains("wrong.py\", line 1"));
  }
  SUBCASE("the import takes too long") {
    wrong.wsgi_file = hello.folder.write("wrong.py", "import signal\nsignal.sigwait([signal.SIGUSR2])\n").string();
    wrong.start_timeout = Milliseconds(300);
    const SwapResult result = reload(pool, wrong);
    CHECK_FALSE(result.ok);
    CHECK(result.error.contains("takes too long"));
  }
  SUBCASE("the workers die before they are ready") {
    wrong.preload = false;
    wrong.wsgi_file = hello.folder.write("wrong.py", "raise RuntimeError('in the worker')\n").string();
    const SwapResult result = reload(pool, wrong);
    CHECK_FALSE(result.ok);
    CHECK(result.error.contains("in the worker"));
  }
  SUBCASE("there is no such Python") {
    wrong.python = "/nowhere/python";
    CHECK(reload(pool, wrong).error.contains("/nowhere/python"));
  }
  CHECK(version(pool) == "one");
  pool.run_until([&] { return pids(pool) == before; });
  CHECK_FALSE(status(pool).errors.empty());
  CHECK(rollback(pool).error.contains("no generation to go back to"));
  CHECK(reload(pool, hello.app).ok);
}

TEST_CASE("a reload of what has not changed keeps the generation that one can go back to") {
  VersionedApp hello;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  hello.write("two");
  CHECK(reload(pool, hello.app).ok);
  CHECK(reload(pool, hello.app, false).generation == 3);
  pool.run_until([&] { return status(pool).generations.size() == 2; });
  CHECK(version(pool) == "two");
  CHECK(rollback(pool).generation == 1);
  CHECK(version(pool) == "one");
}

TEST_CASE("the generation before is kept for so long and no longer") {
  VersionedApp hello;
  AppPool::Habits habits;
  bool stays = false;
  SUBCASE("as long as it is by itself") {
    stays = true;
  }
  SUBCASE("for a moment") {
    habits.kept_for = Milliseconds(50);
  }
  Pool pool(hello.app, habits);
  REQUIRE(pool.start());
  const pid_t zygote = status(pool).generations[0].zygote;
  CHECK(reload(pool, hello.app).ok);
  if (stays) {
    pool.run_until([&] { return status(pool).generations.front().state == "kept for rollback"; });
    const std::uint64_t left = status(pool).generations.front().kept_for;
    CHECK(left > 0);
    CHECK(left <= 10 * 60 * 1000);
    CHECK(rollback(pool).generation == 1);
  } else {
    pool.run_until([&] { return status(pool).generations.size() == 1; });
    CHECK_FALSE(is_alive(std::to_string(zygote)));
    CHECK(rollback(pool).error.contains("no generation to go back to"));
    CHECK(version(pool) == "one");
  }
}

TEST_CASE("an app whose zygote was killed is there again at once") {
  VersionedApp hello;
  hello.app.restart_delay = Milliseconds(60'000);
  hello.app.restart_max_delay = Milliseconds(60'000);
  Pool pool(hello.app);
  REQUIRE(pool.start());
  CHECK(version(pool) == "one");
  kill(status(pool).generations[0].zygote, SIGKILL);
  const auto begun = pool.main.now();
  CHECK(version(pool) == "one");
  CHECK(pool.main.now() - begun < 60'000);
}

TEST_CASE("what the old workers hold is answered by them, also when reloads come one after the other") {
  VersionedApp hello;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  int answered = 0;
  for (int round = 0; round < 5; ++round) {
    for (const std::size_t loop : {0U, 1U, 0U, 1U, 0U}) {
      pool.begin("/slow", loop, [&](const Pool::Got& got) { answered += got.status == 200; });
    }
    CHECK(reload(pool, hello.app).ok);
  }
  pool.run_until([&] { return answered == 25; });
  CHECK(status(pool).generation == 6);
}

TEST_CASE("swaps that are asked for at once come one after the other, the same ones once") {
  VersionedApp hello;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  std::vector<std::uint32_t> generations;
  for (int i = 0; i < 4; ++i) {
    pool.pool->reload(hello.app, true, [&](const SwapResult& result) {
      CHECK(result.ok);
      generations.push_back(result.generation);
    });
  }
  pool.run_until([&] { return generations.size() == 4; });
  CHECK(generations == std::vector<std::uint32_t>{2, 3, 3, 3});
}

TEST_CASE("a swap that is asked for during the start comes after it") {
  VersionedApp hello;
  Pool pool(hello.app);
  SwapResult result;
  pool.pool->reload(hello.app, true, [&](const SwapResult& got) { result = got; });
  REQUIRE(pool.start());
  pool.run_until([&] { return result.ok; });
  CHECK(result.generation == 2);
  CHECK(reload(pool, hello.app).generation == 3);
}

TEST_CASE("a stop in the middle of a reload ends both generations") {
  VersionedApp hello;
  bool told = false;
  {
    Pool pool(hello.app);
    REQUIRE(pool.start());
    pool.pool->reload(hello.app, true, [&](const SwapResult& result) {
      told = true;
      CHECK_FALSE(result.ok);
    });
    pool.settle(0);
    pool.stop();
  }
  CHECK(told);
}

TEST_CASE("workers grow while requests wait, and shrink when there is nothing to do") {
  CapturedLog log;
  VersionedApp hello;
  hello.app.processes = 1;
  hello.app.most_processes = 3;
  hello.app.idle = Milliseconds(200);
  Pool pool(hello.app);
  REQUIRE(pool.start());
  CHECK(pids(pool).size() == 1);
  int answered = 0;
  Gate gate(hello);
  for (std::size_t i = 0; i < 12; ++i) pool.begin("/held", i % 2, [&](const Pool::Got&) { ++answered; });
  pool.run_until([&] { return pids(pool).size() == 3; });
  gate.open();
  pool.run_until([&] { return answered == 12; });
  pool.run_until([&] { return pids(pool).size() == 1; });
  CHECK(log.contains("was idle for"));
  CHECK(version(pool) == "one");
}

TEST_CASE("a worker that has answered enough is replaced, and no request is lost") {
  VersionedApp hello;
  hello.app.processes = 1;
  hello.app.max_requests = 5;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  std::set<std::string> seen;
  while (seen.size() < 4) {
    const Pool::Got got = pool.get("/");
    REQUIRE(got.status == 200);
    seen.insert(got.body);
  }
  for (const GenerationStatus& generation : status(pool).generations) CHECK(generation.workers.size() <= 4);
}

TEST_CASE("workers are replaced after max_requests less up to a tenth, not all after the same number") {
  constexpr std::size_t kMostReplaced = 100;  // by which a number that may come has come, but for one time in 10^17
  CapturedLog log;
  VersionedApp hello;
  hello.app.processes = 1;
  hello.app.max_requests = 20;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  std::set<std::string> numbers;
  std::size_t replaced = 0;
  while (numbers.size() < 3 && replaced < kMostReplaced) {
    REQUIRE(pool.get("/").status == 200);
    const std::string text = log.text();
    constexpr std::string_view kBefore = "is replaced: max_requests is 20, it was to answer ";
    replaced = 0;
    for (std::size_t at = 0; (at = text.find(kBefore, at)) != text.npos; ++replaced) {
      at += kBefore.size();
      numbers.insert(text.substr(at, text.find('\n', at) - at));
    }
  }
  CHECK(numbers == std::set<std::string>{"18", "19", "20"});
}

TEST_CASE("a worker that holds too much memory is replaced") {
  CapturedLog log;
  VersionedApp hello;
  hello.app.processes = 1;
  hello.app.max_memory = 1 << 20;  // any Python holds more
  Pool pool(hello.app);
  REQUIRE(pool.start());
  const std::set<pid_t> before = pids(pool);
  pool.run_until([&] { return log.contains("before its first request, more than max_memory (1 MiB)"); });
  CHECK(pids(pool) == before);
  CHECK(version(pool) == "one");
  pool.run_until([&] { return log.contains("max_memory is 1 MiB"); });
  pool.run_until([&] { return !pids(pool).contains(*before.begin()); });
  CHECK(version(pool) == "one");
}

TEST_CASE("the status tells what workers are doing and how long requests waited") {
  VersionedApp hello;
  hello.app.processes = 1;
  hello.app.depth = 1;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  int answered = 0;
  Gate gate(hello);
  for (std::size_t i = 0; i < 3; ++i) pool.begin("/held?id=7", i % 2, [&](const Pool::Got&) { ++answered; });
  AppStatus now;
  pool.run_until([&] {
    now = status(pool);
    return now.queue.waiting == 2;
  });
  const auto waiting_since = std::chrono::steady_clock::now();
  REQUIRE(now.generations.size() == 1);
  REQUIRE(now.generations[0].workers.size() == 1);
  const WorkerStatus& worker = now.generations[0].workers[0];
  CHECK(worker.state == "busy");
  CHECK(worker.memory > 1'000'000);
  REQUIRE(worker.running.size() == 1);
  CHECK(worker.running[0].method == "GET");
  CHECK(worker.running[0].target == "/held?id=7");
  CHECK(now.state == "serving");
  pool.run_until([&] { return std::chrono::steady_clock::now() - waiting_since > Milliseconds(250); });
  gate.open();
  pool.run_until([&] { return answered == 3; });
  now = status(pool);
  CHECK(now.queue.granted >= 3);  // again, when the worker is slow to read
  CHECK(now.queue.waited == now.queue.granted - 1);
  CHECK(now.queue.wait_most >= 250'000);
  CHECK(now.queue.waiting == 0);
}
