// Opening below a directory: every way of doing it, links in and out, and what is no file.
#include "static/resolve.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "static/document_root.h"
#include "support/temporary_directory.h"

using edge::DocumentRoot;
using edge::OpenStep;
using edge::OpenSupport;
using edge::Resolved;
using edge::UniqueFd;
using edge::Wanted;
using edge::test::TemporaryDirectory;
using Outcome = edge::Resolved::Outcome;

namespace {

/// The blocking steps that this kernel has; by_segment works everywhere.
std::vector<OpenStep> blocking_steps() {
  std::vector<OpenStep> steps{OpenStep::by_segment};
  if (edge::probe_open_support().blocking == OpenStep::complete) steps.push_back(OpenStep::complete);
  return steps;
}

class Place {
 public:
  Place() {
    std::filesystem::create_directory(directory / "root");
    directory.write("secret", "secret");
    root = UniqueFd(edge::open_directory((directory / "root").c_str(), OpenStep::complete));
    REQUIRE(root);
  }
  void link(const char* name, const std::filesystem::path& target) const {
    std::filesystem::create_symlink(target, directory / "root" / name);
  }
  /// 0, or the errno with which opening failed.
  int open(const char* path, OpenStep step) const {
    const int fd = edge::open_beneath(root.get(), path, O_RDONLY, step);
    const UniqueFd owned(fd);
    return fd < 0 ? -fd : 0;
  }
  Resolved resolve(std::string_view path, OpenStep step) const {
    const bool folder = path.empty() || path.ends_with('/');
    return edge::resolve(root.get(), Wanted{path, folder, index}, step);
  }

  TemporaryDirectory directory;
  std::vector<std::string> index{"index.html", "index.txt"};
  UniqueFd root;
};

void make_socket(const std::filesystem::path& at) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(at.string().size() < sizeof address.sun_path);
  std::strcpy(address.sun_path, at.c_str());
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

}  // namespace

TEST_CASE("open beneath: nothing leads out") {
  const Place place;
  place.directory.write("root/a/b", "b");
  place.link("out", "../secret");
  place.link("up", "..");
  place.link("absolute", place.directory / "secret");
  place.link("absolute-in", place.directory / "root/a/b");
  place.link("a/deep", "../../secret");
  place.link("proc", "/proc/self/root");
  for (const OpenStep step : blocking_steps()) {
    CAPTURE(static_cast<int>(step));
    CHECK(place.open("a/b", step) == 0);
    for (const char* path : {"../secret", "a/../../secret", "..", "out", "up/secret", "absolute", "absolute-in",
                             "a/deep", "proc/etc/hostname", "/etc/hostname", "a/../../root/a/b"}) {
      CAPTURE(path);
      const int error = place.open(path, step);
      CHECK((error == EXDEV || error == ELOOP || error == ENOTDIR));
    }
  }
}

TEST_CASE("open beneath: links inside are followed by the kernel, and refused without its help") {
  const Place place;
  place.directory.write("root/a/b", "b");
  place.link("to-file", "a/b");
  place.link("to-folder", "a");
  place.link("a/round", "../a/b");
  place.link("loop", "loop");
  place.link("nowhere", "a/c");
  for (const char* path : {"to-file", "to-folder/b", "a/round"}) {
    CAPTURE(path);
    CHECK(place.open(path, OpenStep::by_segment) != 0);
    if (edge::probe_open_support().blocking == OpenStep::complete) CHECK(place.open(path, OpenStep::complete) == 0);
  }
  if (edge::probe_open_support().blocking == OpenStep::complete) {
    CHECK(place.open("loop", OpenStep::complete) == ELOOP);
    CHECK(place.open("nowhere", OpenStep::complete) == ENOENT);
  }
}

TEST_CASE("open beneath: names are bytes of any kind and bounded length") {
  const Place place;
  place.directory.write("root/\xff\xfe\\ \n", "odd");
  for (const OpenStep step : blocking_steps()) {
    CHECK(place.open("\xff\xfe\\ \n", step) == 0);
    CHECK(place.open(std::string(256, 'a').c_str(), step) == ENAMETOOLONG);
    CHECK(place.open((std::string(256, 'a') + "/b").c_str(), step) != 0);
  }
}

TEST_CASE("resolve: files, folders and what is neither") {
  Place place;
  place.directory.write("root/a.css", "12345");
  place.directory.write("root/with/index.txt", "text");
  place.directory.write("root/both/index.txt", "text");
  place.directory.write("root/both/index.html", "page!");
  std::filesystem::create_directories(place.directory / "root/none");
  std::filesystem::create_directories(place.directory / "root/odd/index.html");
  REQUIRE(mkfifo((place.directory / "root/fifo").c_str(), 0600) == 0);
  make_socket(place.directory / "root/socket");

  for (const OpenStep step : blocking_steps()) {
    CAPTURE(static_cast<int>(step));
    const Resolved file = place.resolve("a.css", step);
    CHECK(file.outcome == Outcome::file);
    CHECK(file.facts.size == 5);
    CHECK(file.name == "a.css");
    struct stat status;
    REQUIRE(stat((place.directory / "root/a.css").c_str(), &status) == 0);
    CHECK(file.facts.modified == status.st_mtim.tv_sec);
    CHECK(file.facts.modified_ns == static_cast<std::uint32_t>(status.st_mtim.tv_nsec));

    CHECK(place.resolve("with", step).outcome == Outcome::directory);
    CHECK(place.resolve("with/", step).name == "index.txt");
    CHECK(place.resolve("both/", step).name == "index.html");
    CHECK(place.resolve("both/", step).facts.size == 5);
    CHECK(place.resolve("none/", step).outcome == Outcome::no_index);
    CHECK(place.resolve("odd/", step).outcome == Outcome::no_index);
    CHECK(place.resolve("", step).outcome == Outcome::no_index);
    CHECK(place.resolve("missing/", step).error == ENOENT);
    CHECK(place.resolve("missing", step).error == ENOENT);
    CHECK(place.resolve("a.css/", step).error == ENOTDIR);
    CHECK(place.resolve("a.css/b", step).error == ENOTDIR);
    CHECK(place.resolve("fifo", step).error == ENOENT);
    CHECK(place.resolve("socket", step).error == ENXIO);
    CHECK(place.resolve(std::string(5'000, 'a'), step).error == ENAMETOOLONG);
    CHECK(place.resolve(std::string(4'090, 'a') + '/', step).error == ENAMETOOLONG);
  }
  place.index.clear();
  CHECK(place.resolve("with/", OpenStep::by_segment).outcome == Outcome::no_index);
}

TEST_CASE("resolve: the cached step answers like the complete one, or says that it must wait") {
  if (!edge::probe_open_support().cached) return;
  const Place place;
  place.directory.write("root/a.css", "12345");
  place.link("out", "../secret");
  CHECK(place.resolve("a.css", OpenStep::complete).outcome == Outcome::file);
  const Resolved file = place.resolve("a.css", OpenStep::cached);
  CHECK((file.outcome == Outcome::file || file.outcome == Outcome::waits));
  const Resolved out = place.resolve("out", OpenStep::cached);
  CHECK((out.outcome == Outcome::waits || out.error == EXDEV));
  const Resolved missing = place.resolve("missing/", OpenStep::cached);
  CHECK((missing.outcome == Outcome::waits || missing.error == ENOENT));
}

TEST_CASE("resolve: no descriptor left is a failure of its own, and leaks none") {
  const Place place;
  place.directory.write("root/a/b", "b");
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const UniqueFd next(open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const OpenStep step : blocking_steps()) {
    const rlimit few{static_cast<rlim_t>(next.get()) + 1, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    const int error = place.resolve("a/b", step).error;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(error == EMFILE);
    for (int i = 0; i < 3; ++i) CHECK(place.resolve("a/b", step).outcome == Outcome::file);
    const UniqueFd after(open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK(after.get() == next.get() + 1);
  }
}

TEST_CASE("document root: follows a link that is switched, and keeps what it has while nothing is there") {
  const TemporaryDirectory directory;
  directory.write("one/a", "1");
  directory.write("two/a", "22");
  const std::filesystem::path current = directory / "current";
  std::filesystem::create_symlink("one", current);
  auto root = DocumentRoot::open(current.string());
  REQUIRE(root);
  const auto size_of_a = [&] {
    return edge::resolve(root->descriptor(), {"a", false, {}}, OpenStep::by_segment).facts.size;
  };
  const auto look_again = [&] { root->follow(DocumentRoot::look_up(root->path(), OpenStep::complete)); };
  CHECK(size_of_a() == 1);

  std::filesystem::create_symlink("two", directory / "next");
  std::filesystem::rename(directory / "next", current);
  CHECK(size_of_a() == 1);
  const auto held = root->share();
  look_again();
  CHECK(size_of_a() == 2);
  CHECK(edge::resolve(held->get(), {"a", false, {}}, OpenStep::by_segment).facts.size == 1);

  const int descriptor = root->descriptor();
  look_again();
  CHECK(root->descriptor() == descriptor);
  std::filesystem::remove(current);
  look_again();
  CHECK(root->descriptor() == descriptor);
  std::filesystem::create_symlink("one", current);
  look_again();
  CHECK(size_of_a() == 1);
}

TEST_CASE("document root: is due once an interval, and must exist") {
  const TemporaryDirectory directory;
  auto root = DocumentRoot::open(directory.path().string(), edge::Milliseconds(1'000));
  REQUIRE(root);
  CHECK(root->due(5'000));
  CHECK_FALSE(root->due(5'000));
  CHECK_FALSE(root->due(5'999));
  CHECK(root->due(6'000));

  const std::string missing = (directory / "missing").string();
  const auto none = DocumentRoot::open(missing);
  REQUIRE_FALSE(none);
  CHECK(none.error().context == "directory " + missing + ": No such file or directory");
  const auto file = DocumentRoot::open(directory.write("file", "").string());
  REQUIRE_FALSE(file);
  CHECK(file.error().context.ends_with(": Not a directory"));
}
