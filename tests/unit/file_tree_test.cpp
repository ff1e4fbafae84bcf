// What a look at a program's files finds, what it leaves out, where it stops, and how two looks differ.
#include "core/file_tree.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <string>
#include <vector>

#include "core/path_pattern.h"
#include "support/temporary_directory.h"

using namespace edge;
using Paths = std::vector<std::string>;

namespace {

constexpr FileTree::Limits kWide{.files = 1000, .entries = 10'000};

/// Until the clock that files get their times from has moved on.
void tick() {
  timespec before{};
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &before);
  do clock_gettime(CLOCK_REALTIME_COARSE, &now);
  while (now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec);
}

/// Of what was found, relative to the folder.
Paths paths(FileTree& tree, const test::TemporaryDirectory& folder) {
  Paths found;
  for (const SeenFile& file : tree.take()) found.push_back(file.path.substr(folder.path().string().size() + 1));
  return found;
}

Paths beneath(const test::TemporaryDirectory& folder, std::string_view name = "") {
  FileTree tree(kWide);
  tree.add((folder / name).string());
  return paths(tree, folder);
}

Paths matching(const test::TemporaryDirectory& folder, std::string_view pattern) {
  FileTree tree(kWide);
  PathPattern((folder / pattern).string()).find(tree);
  return paths(tree, folder);
}

std::vector<SeenFile> look(const test::TemporaryDirectory& folder) {
  FileTree tree(kWide);
  tree.add(folder.path().string());
  return tree.take();
}

struct ThreeFiles {
  ThreeFiles() {
    folder.write("a.py", "a");
    folder.write("b.py", "b");
    folder.write("c/d.html", "d");
  }
  std::string path(std::string_view name) const { return (folder / name).string(); }
  std::string difference_after(const std::vector<SeenFile>& before) const {
    return first_difference(before, look(folder));
  }
  test::TemporaryDirectory folder;
};

}  // namespace

TEST_CASE("file tree: everything beneath a folder, in order, but what is no part of a program") {
  const test::TemporaryDirectory folder;
  for (const char* kept : {"z.py", "a/b/c.html", "a/b.py", ".env", ".env.local", "dbx/models.py", "logs.py"}) {
    folder.write(kept, "");
  }
  for (const char* left_out : {".git/config",
                               "__pycache__/z.cpython-311.py",
                               "a/node_modules/x/index.js",
                               ".hidden.py",
                               ".z.py.swp",
                               "z.py~",
                               "#z.py#",
                               "shop.db",
                               "shop.sqlite3",
                               "shop.sqlite3-journal",
                               "shop.db-wal",
                               "shop.db-shm",
                               "out.log",
                               "out.log.1",
                               "out.log.2.gz",
                               "z.pyc",
                               "app.pid",
                               "app.lock",
                               "a/x.tmp",
                               "env/pyvenv.cfg",
                               "env/lib/x.py"}) {
    folder.write(left_out, "");
  }
  REQUIRE(mkfifo((folder / "pipe.py").c_str(), 0600) == 0);
  CHECK(beneath(folder) == Paths{".env", ".env.local", "a/b.py", "a/b/c.html", "dbx/models.py", "logs.py", "z.py"});
}

TEST_CASE("file tree: a file that was named counts whatever it is called, and so does a folder") {
  const test::TemporaryDirectory folder;
  folder.write("reload.log", "");
  folder.write(".venv/pyvenv.cfg", "");
  folder.write(".venv/lib/x.py", "");
  CHECK(beneath(folder, "reload.log") == Paths{"reload.log"});
  CHECK(beneath(folder, ".venv") == Paths{".venv/lib/x.py", ".venv/pyvenv.cfg"});
  CHECK(beneath(folder, "nothing").empty());
}

TEST_CASE("file tree: links are followed, each folder is entered once, and loops end") {
  const test::TemporaryDirectory folder;
  folder.write("app/a.py", "");
  folder.write("shared/s.py", "");
  std::filesystem::create_directory_symlink(folder / "shared", folder / "app/linked");
  std::filesystem::create_directory_symlink(folder / "app", folder / "app/loop");
  std::filesystem::create_directory_symlink(folder / "shared", folder / "app/twice");
  std::filesystem::create_symlink(folder / "shared/s.py", folder / "app/b.py");
  std::filesystem::create_symlink(folder / "nowhere", folder / "app/broken.py");
  CHECK(beneath(folder, "app") == Paths{"app/a.py", "app/b.py", "app/linked/s.py"});
}

TEST_CASE("file tree: a folder that cannot be read is passed over") {
  if (geteuid() == 0) return;  // may read everything
  const test::TemporaryDirectory folder;
  folder.write("a/x.py", "");
  folder.write("b.py", "");
  REQUIRE(chmod((folder / "a").c_str(), 0) == 0);
  CHECK(beneath(folder) == Paths{"b.py"});
  REQUIRE(chmod((folder / "a").c_str(), 0700) == 0);
}

TEST_CASE("file tree: limits end a look, and it says so") {
  const test::TemporaryDirectory folder;
  for (int i = 0; i < 20; ++i) folder.write("f" + std::to_string(i), "");
  FileTree files({.files = 5, .entries = 1000});
  files.add(folder.path().string());
  CHECK_FALSE(files.is_complete());
  CHECK(files.take().size() == 5);
  FileTree entries({.files = 1000, .entries = 7});
  entries.add(folder.path().string());
  CHECK_FALSE(entries.is_complete());
  CHECK(entries.take().size() <= 7);
  FileTree enough({.files = 21, .entries = 21});
  enough.add(folder.path().string());
  CHECK(enough.is_complete());
  CHECK(enough.take().size() == 20);
}

TEST_CASE("file tree: a look that nobody wants any more ends") {
  const ThreeFiles site;
  const std::atomic<bool> unwanted = true;
  FileTree tree(kWide, &unwanted);
  tree.add(site.folder.path().string());
  CHECK_FALSE(tree.is_complete());
  CHECK(tree.take().empty());
}

TEST_CASE("file tree: two looks at the same differ in nothing") {
  const ThreeFiles site;
  CHECK(site.difference_after(look(site.folder)).empty());
  CHECK(first_difference({}, {}).empty());
}

TEST_CASE("file tree: what is new, gone, written, touched, replaced or turned to another file differs") {
  const ThreeFiles site;
  std::filesystem::create_symlink("a.py", site.folder / "link.py");
  const std::vector<SeenFile> before = look(site.folder);
  const auto same_times = [&](std::string_view name) {
    const struct timespec old[2]{{1'000'000'000, 0}, {1'000'000'000, 0}};
    REQUIRE(utimensat(AT_FDCWD, site.path(name).c_str(), old, 0) == 0);
  };
  SUBCASE("new") {
    site.folder.write("aa.py", "");
    CHECK(site.difference_after(before) == site.path("aa.py") + " is new");
  }
  SUBCASE("new at the end") {
    site.folder.write("z.py", "");
    CHECK(site.difference_after(before) == site.path("z.py") + " is new");
  }
  SUBCASE("gone") {
    std::filesystem::remove(site.folder / "b.py");
    CHECK(site.difference_after(before) == site.path("b.py") + " is gone");
  }
  SUBCASE("the last one gone") {
    std::filesystem::remove(site.folder / "link.py");
    CHECK(site.difference_after(before) == site.path("link.py") + " is gone");
  }
  SUBCASE("written") {
    site.folder.write("c/d.html", "longer");
    CHECK(site.difference_after(before) == site.path("c/d.html") + " changed");
  }
  SUBCASE("touched") {
    tick();
    REQUIRE(utimensat(AT_FDCWD, site.path("c/d.html").c_str(), nullptr, 0) == 0);
    CHECK(site.difference_after(before) == site.path("c/d.html") + " changed");
  }
  SUBCASE("replaced by one of the same size and time") {
    same_times("b.py");
    const std::vector<SeenFile> old = look(site.folder);
    tick();
    site.folder.write("new", "B");
    same_times("new");
    std::filesystem::rename(site.folder / "new", site.folder / "b.py");
    CHECK(site.difference_after(old) == site.path("b.py") + " changed");
  }
  SUBCASE("a link to another file, which is as old and as long") {
    tick();
    std::filesystem::remove(site.folder / "link.py");
    std::filesystem::create_symlink("b.py", site.folder / "link.py");
    CHECK(site.difference_after(before) == site.path("link.py") + " changed");
  }
}

TEST_CASE("path pattern: a name without wildcards is itself, a folder everything beneath it") {
  const ThreeFiles site;
  CHECK(matching(site.folder, "a.py") == Paths{"a.py"});
  CHECK(matching(site.folder, "c") == Paths{"c/d.html"});
  CHECK(matching(site.folder, "c/") == Paths{"c/d.html"});
  CHECK(matching(site.folder, "x.py").empty());
  CHECK(matching(site.folder, "a.py/x").empty());
}

TEST_CASE("path pattern: wildcards stay within a name") {
  const test::TemporaryDirectory folder;
  for (const char* name : {"a.py", "b.py", "ab.py", ".c.py", "x/a.py", "y/a.py", "y/z/a.py", "back\\slash", "[b.txt"}) {
    folder.write(name, "");
  }
  CHECK(matching(folder, "*.py") == Paths{"a.py", "ab.py", "b.py"});
  CHECK(matching(folder, "?.py") == Paths{"a.py", "b.py"});
  CHECK(matching(folder, "[!a].py") == Paths{"b.py"});
  CHECK(matching(folder, ".*.py") == Paths{".c.py"});
  CHECK(matching(folder, "*/a.py") == Paths{"x/a.py", "y/a.py"});
  CHECK(matching(folder, "*/*/a.py") == Paths{"y/z/a.py"});
  CHECK(matching(folder, "y*") == Paths{"y/a.py", "y/z/a.py"});
  CHECK(matching(folder, "back\\*") == Paths{"back\\slash"});
  CHECK(matching(folder, "[[]b.*") == Paths{"[b.txt"});
}

TEST_CASE("path pattern: two stars are folders of any depth, none included") {
  const test::TemporaryDirectory folder;
  for (const char* name : {"a.py", "x/a.py", "x/y/a.py", "x/y/b.html", ".git/a.py", "x/__pycache__/a.py"}) {
    folder.write(name, "");
  }
  std::filesystem::create_directory_symlink(folder.path(), folder / "x/loop");
  CHECK(matching(folder, "**/a.py") == Paths{"a.py", "x/a.py", "x/y/a.py"});
  CHECK(matching(folder, "**/**/*.html") == Paths{"x/y/b.html"});
  CHECK(matching(folder, "**/y/*.py") == Paths{"x/y/a.py"});
  CHECK(matching(folder, "x/**/y") == Paths{"x/y/a.py", "x/y/b.html"});
  CHECK(matching(folder, "x/y/**") == Paths{"x/y/a.py", "x/y/b.html"});
}

TEST_CASE("file tree: a folder that cannot be opened for now is told apart from one that is not there") {
  const ThreeFiles site;
  std::filesystem::create_symlink("loop", site.folder / "loop");
  FileTree absent(kWide);
  for (const char* name : {"nothing", "a.py/b", "loop"}) absent.add(site.path(name));
  absent.add(site.path(std::string(300, 'x')));
  CHECK(absent.failure().empty());
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  FileTree tree(kWide);
  tree.add(site.path("c"));
  FileTree names(kWide);
  const bool no_names = names.entries(site.path("c")).empty();
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(tree.failure() == site.path("c") + ": Too many open files");
  CHECK(no_names);
  CHECK(names.failure() == tree.failure());
}

TEST_CASE("path pattern: every match is there once, and limits hold") {
  const ThreeFiles site;
  FileTree twice(kWide);
  PathPattern(site.path("*.py")).find(twice);
  PathPattern(site.path("a.py")).find(twice);
  CHECK(paths(twice, site.folder) == Paths{"a.py", "b.py"});
  FileTree few({.files = 1, .entries = 100});
  PathPattern(site.path("**/*")).find(few);
  CHECK_FALSE(few.is_complete());
  CHECK(few.take().size() == 1);
}
