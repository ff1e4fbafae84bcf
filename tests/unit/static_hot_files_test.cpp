// Small files kept for a second: what is kept, for how long, and what is not.
#include "static/hot_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "core/unique_fd.h"
#include "support/temporary_directory.h"

using namespace edge;

namespace {

constexpr std::int64_t kLater = 10'000'000'000;  // seconds since the epoch: every file here has settled long ago

/// A file opened anew, as a request would.
struct Opened {
  Opened(const std::filesystem::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    REQUIRE(::fstat(fd.get(), &status) == 0);
    facts = {static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec,
             static_cast<std::uint32_t>(status.st_mtim.tv_nsec)};
  }
  UniqueFd fd;
  FileFacts facts;
};

struct Place {
  test::TemporaryDirectory folder;
  UniqueFd directory{::open((folder / "").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  HotFiles hot;

  void note(const char* path, const Opened& file, std::uint64_t now) {
    hot.note(path, file.fd.get(), file.facts, "text/plain", now, kLater);
  }
  const HotFile* find(const char* path) { return hot.find(path, directory.get()); }
  bool keeps(const char* path, const Opened& file) {
    note(path, file, 1);
    note(path, file, 1);
    return find(path) != nullptr;
  }
};

}  // namespace

TEST_CASE("hot files: kept from the second request within a second on") {
  Place place;
  const Opened file(place.folder / "a", "first");
  place.note("a", file, 5'000);
  CHECK(place.find("a") == nullptr);
  place.note("a", file, 6'000);
  CHECK(place.find("a") == nullptr);
  place.note("a", file, 6'999);
  const HotFile* kept = place.find("a");
  REQUIRE(kept);
  CHECK(kept->content == "first");
  CHECK(kept->type == "text/plain");
  CHECK(place.find("b") == nullptr);
}

TEST_CASE("hot files: what has changed, was replaced or is gone is not served") {
  Place place;
  REQUIRE(place.keeps("a", Opened(place.folder / "a", "old")));
  const Opened longer(place.folder / "a", "longer");
  CHECK(place.find("a") == nullptr);
  REQUIRE(place.keeps("a", longer));
  CHECK(place.find("a")->content == "longer");
  const timespec times[2] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, (place.folder / "a").c_str(), times, 0) == 0);
  CHECK(place.find("a") == nullptr);
  REQUIRE(place.keeps("b", Opened(place.folder / "b", "gone")));
  std::filesystem::remove(place.folder / "b");
  CHECK(place.find("b") == nullptr);
}

TEST_CASE("hot files: a file of the same size and time that takes the name is another file") {
  Place place;
  const timespec times[2] = {{1, 0}, {1, 0}};
  const auto aged = [&](const char* name, const char* content) {
    {
      const Opened made(place.folder / name, content);
    }
    REQUIRE(::utimensat(AT_FDCWD, (place.folder / name).c_str(), times, 0) == 0);
  };
  aged("a", "one");
  Opened one(place.folder / "other", "");
  one.fd = UniqueFd(::open((place.folder / "a").c_str(), O_RDONLY | O_CLOEXEC));
  one.facts = {3, 1, 0};
  REQUIRE(place.keeps("a", one));
  aged("b", "two");
  std::filesystem::rename(place.folder / "b", place.folder / "a");
  CHECK(place.find("a") == nullptr);
}

TEST_CASE("hot files: what has changed just now may change again within the same tick") {
  Place place;
  const Opened file(place.folder / "a", "x");
  for (int i = 0; i < 3; ++i) place.hot.note("a", file.fd.get(), file.facts, "", 1, file.facts.modified + 1);
  CHECK(place.find("a") == nullptr);
}

TEST_CASE("hot files: what is large, shorter than it was, or an index is not kept; what is empty is") {
  Place place;
  CHECK(!place.keeps("large", Opened(place.folder / "large", std::string(HotFiles::kLargest + 1, 'x'))));
  Opened cut(place.folder / "cut", "short");
  cut.facts.size = 50;
  CHECK(!place.keeps("cut", cut));
  CHECK(!place.keeps("", cut));
  CHECK(place.keeps("empty", Opened(place.folder / "empty", "")));
  CHECK(place.keeps("most", Opened(place.folder / "most", std::string(HotFiles::kLargest, 'x'))));
}

TEST_CASE("hot files: files that share a place push each other out") {
  Place place;
  std::size_t kept = 0;
  for (int i = 0; i < 600; ++i) {
    const std::string name = std::to_string(i);
    CHECK(place.keeps(name.c_str(), Opened(place.folder / name, "x")));
  }
  for (int i = 0; i < 600; ++i) kept += place.find(std::to_string(i).c_str()) != nullptr;
  CHECK(kept <= HotFiles::kPlaces);
}
