// AppPool: real interpreters, from the spawn of the zygote to the end of the last worker.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <csignal>
#include <deque>
#include <thread>

#include "support/captured_log.h"
#include "support/running_pool.h"
#include "support/temporary_directory.h"

using namespace edge;
using namespace edge::test;

TEST_CASE("an app starts, answers on every loop, and ends without a trace") {
  CapturedLog log;
  HelloApp hello;
  std::string pid;
  {
    Pool pool(hello.app);
    REQUIRE(pool.start());
    for (const std::size_t loop : {0U, 1U, 0U}) {
      const Pool::Got got = pool.get("/", loop);
      CHECK(got.status == 200);
      pid = got.body;
    }
    CHECK(is_alive(pid));
    CHECK(pool.get("/print").status == 200);
    pool.stop();
    CHECK(log.contains("[hello] a line for the log"));
  }
  CHECK_FALSE(is_alive(pid));
  CHECK_FALSE(log.contains("error"));
}

TEST_CASE("workers with threads, each importing by itself") {
  HelloApp hello;
  hello.app.preload = false;
  hello.app.threads = 3;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  int answered = 0;
  for (int i = 0; i < 20; ++i) {
    pool.begin("/", static_cast<std::size_t>(i % 2), [&](Pool::Got got) {
      CHECK(got.status == 200);
      if (++answered == 20) pool.main.stop();
    });
  }
  pool.main.run();
}

TEST_CASE("a worker that dies is replaced, and nobody else notices") {
  CapturedLog log;
  HelloApp hello;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  CHECK(pool.get("/die").status == 502);  // a GET: it takes one worker, is repeated, and takes the other
  for (int i = 0; i < 10; ++i) CHECK(pool.get("/").status == 200);
  CHECK(log.contains("died of SIGKILL"));
}

TEST_CASE("a killed zygote is started anew, and requests wait for it") {
  CapturedLog log;
  HelloApp hello;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  const std::string worker = pool.get("/").body;
  char name[64];
  std::snprintf(name, sizeof name, "/proc/%s/stat", worker.c_str());
  const std::string stat = file_content(name);
  kill(std::stoi(stat.substr(stat.rfind(')') + 4)), SIGKILL);
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    pool.begin("/", static_cast<std::size_t>(i % 2), [&](Pool::Got got) {
      CHECK(got.status == 200);
      if (++answered == 50) pool.main.stop();
    });
  }
  pool.main.run();
  while (!log.contains("the process that holds the app")) pool.get("/");
  CHECK(pool.get("/").body != worker);
}

TEST_CASE("a start that fails says why") {
  CapturedLog log;
  HelloApp hello;
  SUBCASE("the app raises") {
    hello.app.wsgi_file = hello.folder.write("broken.py", "raise ValueError('no database')").string();
    Pool pool(hello.app);
    CHECK_FALSE(pool.start());
    CHECK(log.contains("ValueError: no database"));
    CHECK(log.contains("site.yaml:3:7: apps.hello: the app cannot be started: it cannot be imported"));
  }
  SUBCASE("the app raises in each worker") {
    hello.app.preload = false;
    hello.app.wsgi_file = hello.folder.write("broken.py", "raise ValueError('no database')").string();
    Pool pool(hello.app);
    CHECK_FALSE(pool.start());
    CHECK(log.contains("ValueError: no database"));
  }
  SUBCASE("there is no such interpreter") {
    hello.app.python = "/nowhere/python";
    Pool pool(hello.app);
    CHECK_FALSE(pool.start());
    CHECK(log.contains("/nowhere/python is no program that can be run"));
  }
  SUBCASE("no such version either") {
    hello.app.python = "3.999";
    Pool pool(hello.app);
    CHECK_FALSE(pool.start());
    CHECK(log.contains("no Python found: looked for python3.999 in PATH"));
  }
  SUBCASE("the interpreter is something else") {
    hello.app.python = "/bin/false";
    Pool pool(hello.app);
    CHECK_FALSE(pool.start());
    CHECK(log.contains("/bin/false) exited with status 1"));
    CHECK(log.contains("its Python ended before the app was imported"));
  }
  SUBCASE("the import takes too long") {
    hello.app.start_timeout = Milliseconds(300);
    hello.app.wsgi_file = hello.folder.write("slow.py", "import signal; signal.sigwait([signal.SIGUSR2])").string();
    Pool pool(hello.app);
    CHECK_FALSE(pool.start());
    CHECK(log.contains("the app was not imported within start_timeout (300 ms)"));
  }
}

TEST_CASE("a stop answers what is under way") {
  HelloApp hello;
  hello.app.processes = 1;
  hello.app.depth = 1;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  std::vector<int> statuses;
  for (int i = 0; i < 3; ++i) {
    pool.begin("/slow", 0, [&](Pool::Got got) { statuses.push_back(got.status); });
  }
  pool.settle(0);
  pool.stop();
  CHECK(statuses == std::vector<int>{200, 200, 200});
}

TEST_CASE("a stop kills what does not end in time") {
  CapturedLog log;
  HelloApp hello;
  hello.app.processes = 1;
  hello.app.shutdown_timeout = Milliseconds(100);
  Pool pool(hello.app);
  REQUIRE(pool.start());
  const std::string pid = pool.get("/").body;
  int status = 0;
  pool.begin("/hang", 0, [&](Pool::Got got) { status = got.status; });
  pool.run_until([&log] { return log.contains("hanging"); });
  pool.stop();
  pool.run_until([&pid] { return !is_alive(pid); });
  CHECK(status == 503);  // it is safe to repeat, but nothing new begins
  CHECK(log.contains("[hello] shutdown_timeout (100 ms) has passed: what is left of the app is killed"));
  CHECK(log.contains(" (GET /hang) was cut off after "));
}

TEST_CASE("a kill ends everything at once") {
  HelloApp hello;
  Pool pool(hello.app);
  REQUIRE(pool.start());
  const std::string pid = pool.get("/").body;
  pool.pool->kill("the test ends it");
  pool.stop();
  pool.run_until([&pid] { return !is_alive(pid); });
}

TEST_CASE("where there is only a library, the edge would host it itself") {
  TemporaryDirectory folder;
  config::App app;
  app.name = "app";
  app.python = folder.write("libpython3.12.so.1.0", "").string();
  const Result<Interpreter> found = Interpreter::find(app, "/usr/bin/edge");
  REQUIRE(found);
  CHECK(found->file == "/usr/bin/edge");
  CHECK(found->arguments == std::vector<std::string>{"/usr/bin/edge", "python-host", app.python, "python3"});
}

TEST_CASE("which interpreter") {
  TemporaryDirectory folder;
  const auto program = [&folder](const char* name, const std::string& content = "machine code") {
    const std::string path = folder.write(name, content).string();
    chmod(path.c_str(), 0755);
    return path;
  };
  const std::string own = program("venv/bin/python");
  const std::string versioned = program("bin/python3.12");
  config::App app;
  const char* const before = std::getenv("PATH");
  const std::string restored = before ? before : "";
  setenv("PATH", (folder.path() / "bin").c_str(), 1);
  SUBCASE("the virtualenv's") {
    app.virtualenv = (folder.path() / "venv").string();
    const Result<Interpreter> found = Interpreter::find(app, "edge");
    REQUIRE(found);
    CHECK(found->file == own);
    CHECK(found->arguments == std::vector<std::string>{own});
  }
  SUBCASE("a version, in a virtualenv") {
    app.virtualenv = (folder.path() / "venv").string();
    app.python = "3.12";
    const Result<Interpreter> found = Interpreter::find(app, "edge");
    REQUIRE(found);
    CHECK(found->file == versioned);
    CHECK(found->arguments == std::vector<std::string>{own});
  }
  SUBCASE("a version from PATH") {
    app.python = "3.12";
    const Result<Interpreter> found = Interpreter::find(app, "edge");
    REQUIRE(found);
    CHECK(found->file == versioned);
  }
  SUBCASE("what a shim stands for") {
    program("bin/python3", "#!/bin/sh\necho " + versioned + "\n");
    const Result<Interpreter> found = Interpreter::find(app, "edge");
    REQUIRE(found);
    CHECK(found->file == versioned);
  }
  SUBCASE("a shim that stands for nothing is passed over") {
    program("bin/python3.12", "#!/bin/sh\nexit 127\n");
    program("other/python3.12");
    setenv("PATH", ((folder.path() / "bin").string() + ':' + (folder.path() / "other").string()).c_str(), 1);
    app.python = "3.12";
    const Result<Interpreter> found = Interpreter::find(app, "edge");
    REQUIRE(found);
    CHECK(found->file == folder.path() / "other/python3.12");
  }
  setenv("PATH", restored.c_str(), 1);
}
