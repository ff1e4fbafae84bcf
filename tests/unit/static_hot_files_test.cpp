// Small files kept for a second: what is kept, for how long, and what is not.
#include "static/hot_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <fstream>
#include <string>

#include "core/unique_fd.h"
#include "support/temporary_directory.h"

using namespace edge;

namespace {

/// A file opened anew, as a request would.
struct Opened {
  Opened(const std::filesystem::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    fd = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    facts.size = content.size();
  }
  UniqueFd fd;
  FileFacts facts;
};

}  // namespace

TEST_CASE("hot files: kept from the second request within a second on, for a second") {
  test::TemporaryDirectory place;
  const Opened file(place / "a", "first");
  HotFiles hot;
  hot.note("a", file.fd.get(), file.facts, "text/plain", 5'000);
  CHECK(hot.find("a", 5'000) == nullptr);
  hot.note("a", file.fd.get(), file.facts, "text/plain", 5'999);
  const HotFile* kept = hot.find("a", 5'999);
  REQUIRE(kept);
  CHECK(kept->content == "first");
  CHECK(kept->type == "text/plain");
  CHECK(hot.find("b", 5'999) == nullptr);
  CHECK(hot.find("a", 6'998) == kept);
  CHECK(hot.find("a", 6'999) == nullptr);
}

TEST_CASE("hot files: after its second a changed file is read again") {
  test::TemporaryDirectory place;
  HotFiles hot;
  const Opened old(place / "a", "old");
  hot.note("a", old.fd.get(), old.facts, "", 1'000);
  hot.note("a", old.fd.get(), old.facts, "", 1'000);
  REQUIRE(hot.find("a", 1'500));
  const Opened fresh(place / "a", "new one");
  hot.note("a", fresh.fd.get(), fresh.facts, "", 2'000);
  CHECK(hot.find("a", 2'000) == nullptr);
  hot.note("a", fresh.fd.get(), fresh.facts, "", 2'001);
  REQUIRE(hot.find("a", 2'001));
  CHECK(hot.find("a", 2'001)->content == "new one");
}

TEST_CASE("hot files: a second request a second later does not count") {
  test::TemporaryDirectory place;
  const Opened file(place / "a", "x");
  HotFiles hot;
  hot.note("a", file.fd.get(), file.facts, "", 1'000);
  hot.note("a", file.fd.get(), file.facts, "", 2'000);
  CHECK(hot.find("a", 2'000) == nullptr);
}

TEST_CASE("hot files: what is large, or shorter than it was, is not kept; what is empty is") {
  test::TemporaryDirectory place;
  HotFiles hot;
  const auto kept = [&hot](const Opened& file) {
    hot.note("a", file.fd.get(), file.facts, "", 1);
    hot.note("a", file.fd.get(), file.facts, "", 1);
    return hot.find("a", 1) != nullptr;
  };
  CHECK(!kept(Opened(place / "large", std::string(HotFiles::kLargest + 1, 'x'))));
  Opened cut(place / "cut", "short");
  cut.facts.size = 50;
  CHECK(!kept(cut));
  CHECK(kept(Opened(place / "empty", "")));
  CHECK(kept(Opened(place / "most", std::string(HotFiles::kLargest, 'x'))));
}

TEST_CASE("hot files: files that share a place push each other out") {
  test::TemporaryDirectory place;
  const Opened file(place / "a", "x");
  HotFiles hot;
  std::size_t kept = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::string path = std::to_string(i);
    hot.note(path, file.fd.get(), file.facts, "", 1);
    hot.note(path, file.fd.get(), file.facts, "", 1);
  }
  for (int i = 0; i < 2'000; ++i) kept += hot.find(std::to_string(i), 1) != nullptr;
  CHECK(kept > 0);
  CHECK(kept <= HotFiles::kPlaces);
}
