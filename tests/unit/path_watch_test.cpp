// Watching paths: one call for a burst, when it is over; limits, warnings, and an end at any time.
#include "core/net/path_watch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/loop.h"
#include "support/as_nobody.h"
#include "support/captured_log.h"
#include "support/temporary_directory.h"

using namespace edge;

namespace {

std::vector<SeenFile> look(std::initializer_list<std::pair<const char*, int>> files) {
  std::vector<SeenFile> found;
  for (const auto& [path, size] : files) found.push_back({path, {.modified = 1, .changed = 1, .size = size}});
  return found;
}

constexpr Milliseconds kOften{5};

/// A watch on its loop, which runs until something holds; that is asked every few milliseconds.
class Watched : Deadline {
 public:
  explicit Watched(std::vector<std::string> patterns) {
    patterns.insert(patterns.begin(), "/nothing/here");  // named in the log once the first look has ended
    watch = std::make_unique<PathWatch>(loop, patterns, kOften, [this](const std::string& what) {
      changes.push_back(what);
      if (ends_at_change) watch.reset();
    });
    run_until([this] { return log.contains("/nothing/here is watched"); });
  }

  void run_until(std::function<bool()> holds) {
    holds_ = std::move(holds);
    loop.arm(*this, Milliseconds(2));
    loop.run();
  }
  void run_until_changes(std::size_t count) {
    run_until([this, count] { return changes.size() >= count; });
  }

  test::CapturedLog log;
  Loop loop;
  std::vector<std::string> changes;
  bool ends_at_change = false;
  std::unique_ptr<PathWatch> watch;

 private:
  void on_deadline() override {
    if (holds_()) return loop.stop();
    loop.arm(*this, Milliseconds(2));
  }
  std::function<bool()> holds_;
};

}  // namespace

TEST_CASE("settled change: nothing is told of files at rest") {
  SettledChange settled;
  for (int i = 0; i < 3; ++i) CHECK(settled.take(look({{"/a", 1}})).empty());
  CHECK(settled.begun_by().empty());
}

TEST_CASE("settled change: a change before the first look is told when the files are at rest") {
  SettledChange settled;
  CHECK(settled.take(look({{"/a", 1}})).empty());
  settled.changed_before("something changed");
  CHECK(settled.take(look({{"/a", 2}})).empty());
  CHECK(settled.take(look({{"/a", 1}})).empty());
  CHECK(settled.take(look({{"/a", 1}})) == "something changed");
  CHECK(settled.take(look({{"/a", 1}})).empty());
}

TEST_CASE("settled change: what was known at a path, or below it") {
  SettledChange settled;
  settled.take(look({{"/a", 1}, {"/b+c", 1}, {"/b/x", 1}, {"/b/y", 1}}));
  CHECK(settled.known_at("/a") == "/a");
  CHECK(settled.known_at("/b") == "/b/x");
  CHECK(settled.known_at("/b/y") == "/b/y");
  CHECK(settled.known_at("/") == "/a");
  for (const std::string unknown : {"/c", "/a/x", "/b/x/y", "/b+"}) {
    CAPTURE(unknown);
    CHECK(settled.known_at(unknown).empty());
  }
}

TEST_CASE("settled change: a burst is told once, by its first difference, when two looks agree") {
  SettledChange settled;
  CHECK(settled.take(look({{"/a", 1}})).empty());
  CHECK(settled.take(look({{"/a", 1}, {"/b", 1}})).empty());
  CHECK(settled.begun_by() == "/b is new");
  CHECK(settled.take(look({{"/a", 2}, {"/b", 1}})).empty());
  CHECK(settled.take(look({{"/a", 2}, {"/b", 2}})).empty());
  CHECK(settled.restless_looks() == 3);
  CHECK(settled.take(look({{"/a", 2}, {"/b", 2}})) == "/b is new");
  CHECK(settled.restless_looks() == 0);
  CHECK(settled.take(look({{"/a", 2}, {"/b", 2}})).empty());
  CHECK(settled.take(look({{"/b", 2}})).empty());
  CHECK(settled.take(look({{"/b", 2}})) == "/a is gone");
}

TEST_CASE("settled change: what came and went again is none") {
  SettledChange settled;
  CHECK(settled.take(look({{"/a", 1}})).empty());
  CHECK(settled.take(look({{"/4913", 1}, {"/a", 1}})).empty());
  CHECK(settled.take(look({{"/a", 1}})).empty());
  CHECK(settled.take(look({{"/a", 1}})).empty());
  CHECK(settled.begun_by().empty());
}

TEST_CASE("path watch: a touched file is a change, and so is one that comes, and one that goes") {
  const test::TemporaryDirectory folder;
  const std::string touched = folder.write("reload", "").string();
  Watched watched({touched, (folder / "app/**/*.py").string()});
  REQUIRE(utimensat(AT_FDCWD, touched.c_str(), nullptr, 0) == 0);
  watched.run_until_changes(1);
  const std::string module = folder.write("app/views/list.py", "").string();
  watched.run_until_changes(2);
  std::filesystem::remove_all(folder / "app");
  watched.run_until_changes(3);
  CHECK(watched.changes == std::vector<std::string>{touched + " changed", module + " is new", module + " is gone"});
}

TEST_CASE("path watch: what does not match is no change") {
  const test::TemporaryDirectory folder;
  folder.write("app/a.py", "");
  Watched watched({(folder / "app").string()});
  folder.write("app/shop.sqlite3", "");
  folder.write("app/__pycache__/a.pyc", "");
  folder.write("elsewhere.py", "");
  const std::string last = folder.write("app/z.py", "").string();
  watched.run_until_changes(1);
  CHECK(watched.changes == std::vector<std::string>{last + " is new"});
}

TEST_CASE("path watch: a link that is turned to another folder") {
  const test::TemporaryDirectory folder;
  folder.write("releases/1/app.py", "1");
  folder.write("releases/2/app.py", "2");
  const timespec long_ago[] = {{1, 0}, {1, 0}};  // a tick of the kernel's clock may be the same for both
  REQUIRE(utimensat(AT_FDCWD, (folder / "releases/1/app.py").c_str(), long_ago, 0) == 0);
  std::filesystem::create_directory_symlink("releases/1", folder / "current");
  Watched watched({(folder / "current").string()});
  std::filesystem::create_directory_symlink("releases/2", folder / "next");
  std::filesystem::rename(folder / "next", folder / "current");
  watched.run_until_changes(1);
  CHECK(watched.changes == std::vector<std::string>{(folder / "current/app.py").string() + " changed"});
}

TEST_CASE("path watch: a look that fails is warned of and is no change") {
  const test::TemporaryDirectory folder;
  folder.write("app/a.py", "");
  Watched watched({(folder / "app/**/*.py").string()});
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  watched.run_until([&] {
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);  // to read the log
    const bool warned = watched.log.contains("cannot be looked at: /nothing/here: Too many open files");
    if (!warned) CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    return warned;
  });
  const std::string last = folder.write("app/z.py", "").string();
  watched.run_until_changes(1);
  CHECK(watched.changes == std::vector<std::string>{last + " is new"});
}

TEST_CASE("path watch: it may end within its call") {
  const test::TemporaryDirectory folder;
  const std::string file = folder.write("reload", "").string();
  Watched watched({file});
  watched.ends_at_change = true;
  folder.write("reload", "now");
  watched.run_until_changes(1);
  CHECK_FALSE(watched.watch);
}

TEST_CASE("path watch: what changed before the first look, as its owner says then, is a change") {
  const test::TemporaryDirectory folder;
  const std::string file = folder.write("list", "").string();
  Loop loop;
  std::vector<std::string> changes;
  int asked = 0;
  const auto changed = [&](const std::string& what) {
    changes.push_back(what);
    changes.size() == 2 ? loop.stop() : static_cast<void>(folder.write("list", "now"));
  };
  const PathWatch watch(loop, {file}, kOften, changed, [&asked] { return ++asked == 0; });
  loop.run();
  CHECK(changes == std::vector<std::string>{"files may have changed since they were read", file + " changed"});
  CHECK(asked == 1);
}

TEST_CASE("path watch: it may end while a look is under way, and the loop too") {
  const test::TemporaryDirectory folder;
  for (int i = 0; i < 100; ++i) folder.write(std::to_string(i), "");
  Loop loop;
  int calls = 0;
  const auto count = [&calls](const std::string&) { ++calls; };
  for (int i = 0; i < 20; ++i) const PathWatch ends(loop, {folder.path().string()}, kOften, count);
  const auto ends_last = std::make_unique<PathWatch>(loop, std::vector{folder.path().string()}, kOften, count);
  CHECK(calls == 0);
}

TEST_CASE("path watch: too many files are warned of once, with the pattern, and the first ones count") {
  const test::TemporaryDirectory folder;
  folder.write("a/first", "");
  for (std::size_t i = 0; i < PathWatch::kMostFiles; ++i) folder.write("z/" + std::to_string(i), "");
  Watched watched({folder.path().string()});
  folder.write("a/first", "now");
  watched.run_until_changes(1);
  CHECK(watched.changes == std::vector<std::string>{(folder / "a/first").string() + " changed"});
  const std::string text = watched.log.text();
  const std::string warning =
      folder.path().string() + " is watched, but there are too many files: only the first 10000";
  CHECK(text.find(warning) != std::string::npos);
  CHECK(text.find(warning) == text.rfind(warning));
}

TEST_CASE("path watch: files that never come to rest are warned of") {
  const test::TemporaryDirectory folder;
  const std::string file = folder.write("written", "").string();
  Watched watched({file});
  std::string content;
  watched.run_until([&] {
    folder.write("written", content += "more");
    return watched.log.contains("have not come to rest");
  });
  CHECK(watched.log.contains(file + " changed, and since then"));
}

TEST_CASE("path watch: what may not be looked at any more has not gone, and is told until it may") {
  const test::TemporaryDirectory folder;
  folder.write("app/a.py", "");
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  const auto app = (folder / "app").string();
  test::AsNobody::give(app);
  test::AsNobody::give(app + "/a.py");
  const test::AsNobody nobody;
  Watched watched({app});
  REQUIRE(chmod(app.c_str(), 0) == 0);
  watched.run_until([&] { return watched.log.contains("cannot be looked at"); });
  CHECK(
      watched.log.contains("files are watched, but cannot be looked at: " + app +
                           ": edge may not read it any more; let its user do so; nothing is reloaded until they can"));
  CHECK(watched.changes.empty());
  REQUIRE(chmod(app.c_str(), 0700) == 0);
  folder.write("app/a.py", "changed");
  watched.run_until_changes(1);
  CHECK(watched.changes == std::vector<std::string>{app + "/a.py changed"});
}

TEST_CASE("path watch: what could never be looked at is named once, and the rest is watched") {
  const test::TemporaryDirectory folder;
  folder.write("open/a.py", "");
  folder.write("open/shut/b.py", "");
  folder.write("shut/c.py", "");
  for (const char* shut : {"open/shut", "shut"}) REQUIRE(chmod((folder / shut).c_str(), 0) == 0);
  for (const char* open : {"", "open"}) REQUIRE(chmod((folder / open).c_str(), 0755) == 0);
  test::AsNobody::give((folder / "open").string());
  const test::AsNobody nobody;
  Watched watched({(folder / "open").string(), (folder / "shut").string()});
  CHECK(watched.log.contains("warn " + (folder / "shut").string() + " is watched, but edge may not read " +
                             (folder / "shut").string() + ": let its user do so"));
  CHECK_FALSE(watched.log.contains("cannot be looked at"));
  folder.write("open/new.py", "");
  watched.run_until_changes(1);
  CHECK(watched.changes == std::vector<std::string>{(folder / "open/new.py").string() + " is new"});
}
