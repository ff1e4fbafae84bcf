// Scripts that stand for an interpreter.
#include "appserver/shim.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <thread>

#include "appserver/interpreter.h"
#include "support/temporary_directory.h"

namespace edge {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience(60);

class Script {
 public:
  explicit Script(const std::string& content, const char* name = "python3")
      : path_(folder_.write(name, content).string()) {
    chmod(path_.c_str(), 0755);
  }
  const std::string& path() const { return path_; }
  std::string file(const char* name) const { return (folder_.path() / name).string(); }

 private:
  test::TemporaryDirectory folder_;
  std::string path_;
};

Clock::time_point in(std::chrono::milliseconds time) {
  return Clock::now() + time;
}

/// Not even as one that its parent has not taken note of.
bool runs(const std::string& pid) {
  std::string name;
  std::string state;
  std::ifstream stat("/proc/" + pid + "/stat");
  return stat >> name >> name >> state && state != "Z";
}

}  // namespace

TEST_CASE("what is no script stands for itself") {
  const Script program("machine code");
  CHECK(interpreter_behind(program.path(), in(kPatience)).value() == program.path());
}

TEST_CASE("a script is asked") {
  const Script script("#!/bin/sh\necho /usr/bin/python$#; echo more");
  CHECK(interpreter_behind(script.path(), in(kPatience)).value() == "/usr/bin/python2");
  const Script silent("#!/bin/sh\necho trouble >&2; exit 127");
  CHECK(interpreter_behind(silent.path(), in(kPatience)).value().empty());
  const Script talkative("#!/bin/sh\nwhile :; do echo x; done");
  CHECK(interpreter_behind(talkative.path(), in(kPatience)).value() == "x");
}

TEST_CASE("a script that hangs is killed with all that it started") {
  const Script script("#!/bin/sh\nsleep 1000 &\necho $! > \"${0%/*}/child\"\nwait");
  std::string child;
  Clock::duration limit = std::chrono::milliseconds(100);
  Result<std::string> found = std::string();
  while (child.empty()) {  // until it was given time enough to start its own
    found = interpreter_behind(script.path(), Clock::now() + limit);
    REQUIRE_FALSE(found);
    std::ifstream(script.file("child")) >> child;
    limit *= 2;
  }
  while (runs(child)) std::this_thread::yield();
  CHECK(found.error().context.find("the script " + script.path() + " did not say within ") == 0);
  CHECK(found.error().context.find("name an interpreter by its path instead") != std::string::npos);
}

TEST_CASE("an answer counts though the script goes on") {
  const Script script("#!/bin/sh\necho /usr/bin/python3\nexec sleep 1000");
  Clock::duration limit = std::chrono::milliseconds(100);
  Result<std::string> found = interpreter_behind(script.path(), Clock::now() + limit);
  while (!found) found = interpreter_behind(script.path(), Clock::now() + (limit *= 2));
  CHECK(*found == "/usr/bin/python3");
}

TEST_CASE("a script that cannot be run stands for nothing") {
  const Script script("#!/no/such/shell\n");
  CHECK(interpreter_behind(script.path(), in(kPatience)).value().empty());
}

TEST_CASE("an app's user comes with its interpreter") {
  const Script python("machine code", "python");
  config::App app;
  app.python = python.path();
  CHECK_FALSE(Interpreter::find(app, "edge").value().account);
  app.user = "games";
  const Result<Interpreter> found = Interpreter::find(app, "edge");
  REQUIRE(found);
  REQUIRE(found->account);
  CHECK(found->account->name == "games");
  app.user = "no-such-user";
  CHECK(Interpreter::find(app, "edge").error().context == "there is no user no-such-user");
}

}  // namespace edge
