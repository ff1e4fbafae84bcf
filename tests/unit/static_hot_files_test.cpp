// Files kept in memory or open: for how long they are believed, what is not kept, and what goes when room is wanted.
#include "static/hot_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "static/resolve.h"
#include "support/temporary_directory.h"

using namespace edge;

namespace {

constexpr std::int64_t kLater = 10'000'000'000;  // seconds since the epoch: every file here has settled long ago
constexpr std::uint64_t kMegabyte = 1 << 20;

struct Place {
  explicit Place(std::uint64_t memory = 32 * kMegabyte) : hot(memory), owner(hot.new_owner()) {}

  void write(const std::string& path, const std::string& content) const {
    std::ofstream(folder / path, std::ios::binary | std::ios::trunc) << content;
  }
  std::shared_ptr<FileVersion> version(const std::string& path) const {
    Resolved resolved = resolve(directory.get(), {path, false, {}, Links::inside}, OpenStep::by_segment);
    REQUIRE(resolved.outcome == Resolved::Outcome::file);
    return FileVersion::of(std::move(resolved), {"text/plain", compressible}, kLater);
  }
  std::shared_ptr<FileVersion> keep_at(const std::string& path, std::int64_t unix_now, std::uint64_t now = 0) {
    return hot.keep({owner, directory.get(), path}, version(path), now, unix_now);
  }
  /// Repeats the change until the clock of the file system has gone on since the last one: it counts in ticks.
  template <class Change>
  void change(const std::string& path, Change change) const {
    const FileFacts before = version(path)->facts();
    do {
      change(folder / path);
    } while (version(path)->facts() == before);
  }
  void keep(const std::string& path, std::uint64_t now = 0) {
    hot.keep({owner, directory.get(), path}, version(path), now, kLater);
  }
  std::shared_ptr<FileVersion> find(const std::string& path, std::uint64_t now = 0) {
    return hot.find({owner, directory.get(), path}, now);
  }
  std::string content(const std::string& path, std::uint64_t now = 0) {
    const std::shared_ptr<FileVersion> found = find(path, now);
    const auto* const bytes = found ? std::get_if<std::string>(&found->plain().content) : nullptr;
    return bytes ? *bytes : "nothing";
  }

  test::TemporaryDirectory folder;
  UniqueFd directory{::open((folder / "").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  HotFiles hot;
  std::uint32_t owner;
  bool compressible = false;
};

void age(const std::filesystem::path& path) {
  const timespec times[2] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("hot files: what is kept is believed for a second, and then looked at again") {
  Place place;
  place.write("a", "old");
  place.keep("a", 5'000);
  CHECK(place.content("a", 5'000) == "old");
  CHECK(place.find("b") == nullptr);
  place.write("a", "newer");
  CHECK(place.content("a", 5'999) == "old");
  CHECK(place.find("a", 6'000) == nullptr);
  place.keep("a", 6'000);
  CHECK(place.content("a", 7'500) == "newer");
  CHECK(place.content("a", 8'499) == "newer");
  std::filesystem::remove(place.folder / "a");
  CHECK(place.find("a", 8'500) == nullptr);
  CHECK(place.hot.size() == 0);
  CHECK(place.hot.memory() == 0);
}

TEST_CASE("hot files: another time, or another file of the same size and time, is another version") {
  Place place;
  for (const char* name : {"a", "b"}) {
    place.write(name, name);
    age(place.folder / name);
  }
  place.keep("a");
  std::filesystem::rename(place.folder / "b", place.folder / "a");
  CHECK(place.content("a", 999) == "a");
  CHECK(place.find("a", 1'000) == nullptr);
  place.write("c", "c");
  place.keep("c");
  age(place.folder / "c");
  CHECK(place.find("c", 1'000) == nullptr);
}

TEST_CASE("hot files: other content of the same size under the same time is another version") {
  Place place;
  place.write("a", "old");
  age(place.folder / "a");
  place.keep("a");
  place.change("a", [&](const std::filesystem::path& path) {
    place.write("a", "new");
    age(path);
  });
  CHECK(place.content("a", 999) == "old");
  CHECK(place.find("a", 1'000) == nullptr);
}

TEST_CASE("hot files: other rights are another version, for they may be too few to read it") {
  Place place;
  place.write("a", "content");
  place.keep("a");
  place.change("a", [](const std::filesystem::path& path) { REQUIRE(::chmod(path.c_str(), 0600) == 0); });
  CHECK(place.content("a", 999) == "content");
  CHECK(place.find("a", 1'000) == nullptr);
}

TEST_CASE("hot files: directories do not mix, and a new owner has nothing") {
  Place place;
  place.write("a", "a");
  place.keep("a");
  place.owner = place.hot.new_owner();
  CHECK(place.find("a") == nullptr);
}

TEST_CASE("hot files: a new beginning keeps nothing of the old, and has its own bound") {
  Place place;
  place.write("a", "content");
  place.keep("a");
  place.hot.begin_anew(0);
  CHECK(place.content("a") == "nothing");
  CHECK(place.hot.memory() == 0);
  place.keep("a");
  CHECK(place.hot.size() == 0);
  place.hot.begin_anew(kMegabyte);
  place.keep("a");
  CHECK(place.content("a") == "content");
}

TEST_CASE("hot files: what has changed just now may change again within the same tick") {
  Place place;
  place.write("a", "x");
  const std::int64_t changed = place.version("a")->facts().changed;
  place.keep_at("a", changed + 1);
  CHECK(place.find("a") == nullptr);
  const std::shared_ptr<FileVersion> kept = place.keep_at("a", changed + 2);
  CHECK(place.find("a") == kept);
}

TEST_CASE("hot files: a time in the future, which files may be given, says nothing of when they settle") {
  Place place;
  place.write("a", "x");
  const std::int64_t changed = place.version("a")->facts().changed;
  const timespec times[2] = {{changed + 86'400, 0}, {changed + 86'400, 0}};
  REQUIRE(::utimensat(AT_FDCWD, (place.folder / "a").c_str(), times, 0) == 0);
  const std::shared_ptr<FileVersion> kept = place.keep_at("a", changed + 60);
  CHECK(place.find("a") == kept);
}

TEST_CASE("hot files: what has changed just now is kept briefly where it may be compressed, and looked at each time") {
  Place place;
  place.compressible = true;
  place.write("a", "x");
  const std::int64_t now = place.version("a")->facts().changed + 1;
  const std::shared_ptr<FileVersion> kept = place.keep_at("a", now, 5'000);
  CHECK(place.find("a", 5'000) == kept);
  CHECK(place.find("a", 5'999) == kept);
  CHECK(place.find("a", 6'000) == nullptr);  // the same to all appearance, but that proves nothing
  place.keep_at("a", now, 6'000);
  place.write("a", "longer");
  CHECK(place.find("a", 6'000) == nullptr);
}

TEST_CASE("hot files: who finds a file at the same time as another gets that one's version, and its compressed forms") {
  Place place;
  place.write("a", "x");
  const std::shared_ptr<FileVersion> first = place.keep_at("a", kLater);
  CHECK(place.keep_at("a", kLater, 999) == first);
  CHECK(place.hot.size() == 1);
  place.write("a", "longer");
  const std::shared_ptr<FileVersion> changed = place.keep_at("a", kLater, 999);
  CHECK(changed != first);
  CHECK(place.find("a", 999) == changed);
  CHECK(place.hot.size() == 1);
}

TEST_CASE("hot files: a large file is kept open, and not believed for a moment once it is written to") {
  Place place;
  place.write("large", std::string(FileVersion::kMostInMemory + 1, 'x'));
  place.keep("large");
  const std::shared_ptr<FileVersion> found = place.find("large");
  REQUIRE(found);
  CHECK(found->plain().is_open_file());
  CHECK(found->descriptors() == 1);
  place.write("large", "cut short");
  CHECK(place.find("large") == nullptr);
}

TEST_CASE("hot files: open files are bounded, and given up when descriptors run out") {
  Place place;
  place.write("small", "x");
  place.keep("small");
  const std::string content(FileVersion::kMostInMemory + 1, 'x');
  for (std::uint64_t i = 0; i <= HotFiles::kMostOpen; ++i) {
    const std::string name = std::to_string(i);
    place.write(name, content);
    place.keep(name);
    if (i % 50 == 0) CHECK(place.find("small"));
  }
  std::uint64_t kept = 0;
  for (std::uint64_t i = 0; i <= HotFiles::kMostOpen; ++i) kept += place.find(std::to_string(i)) ? 1 : 0;
  CHECK(kept == HotFiles::kMostOpen);
  CHECK(place.find("small"));
  place.hot.drop_open_files();
  CHECK(place.find("0") == nullptr);
  CHECK(place.find("small"));
  CHECK(place.hot.size() == 1);
}

TEST_CASE("hot files: memory is bounded; what was asked for since goes last") {
  Place place(kMegabyte);
  const std::string content(20'000, 'x');
  for (int i = 0; i < 200; ++i) {
    const std::string name = std::to_string(i);
    place.write(name, content);
    place.keep(name);
    CHECK(place.hot.memory() <= kMegabyte);
    CHECK(place.find("0"));
  }
  CHECK(place.hot.size() > 30);
  CHECK(place.find("1") == nullptr);
  CHECK(place.find("199"));
}

TEST_CASE("hot files: no memory keeps nothing, and no file takes more than its share") {
  Place none(0);
  none.write("a", "x");
  none.keep("a");
  CHECK(none.find("a") == nullptr);
  Place little(100'000);
  little.write("share", std::string(20'000, 'x'));
  little.write("more", std::string(30'000, 'x'));
  little.keep("share");
  little.keep("more");
  CHECK(little.find("share"));
  CHECK(little.find("more") == nullptr);
}

TEST_CASE("hot files: other forms of a file count, and those found beside it are looked for again") {
  Place place(kMegabyte);
  place.write("a", std::string(1000, 'x'));
  place.keep("a");
  const std::uint64_t plain = place.hot.memory();
  const std::shared_ptr<FileVersion> version = place.find("a");
  version->add(Coding::gzip, {std::string(5000, 'z'), 1}, false);
  version->has_no(Coding::br, true);
  place.hot.recount({place.owner, -1, "a"});
  CHECK(place.hot.memory() >= plain + 4900);
  CHECK(version->form(Coding::gzip).fields.entity_tag() != version->plain().fields.entity_tag());
  const std::shared_ptr<FileVersion> later = place.find("a", 1'000);
  CHECK(later->coded(Coding::br) == FileVersion::Coded::unknown);
  CHECK(later->coded(Coding::gzip) == FileVersion::Coded::here);
  CHECK(version->coded(Coding::br) == FileVersion::Coded::none);
  later->add(Coding::gzip, {std::string(2 * kMegabyte, 'z'), 2}, false);
  place.hot.recount({place.owner, -1, "a"});
  CHECK(place.hot.memory() == 0);
  CHECK(later->form(Coding::gzip).size == 2 * kMegabyte);  // whoever is answered with it has it still
}

TEST_CASE("hot files: an answer keeps the neighbour that it is made of, when neighbours are looked for again") {
  Place place;
  place.write("a", std::string(1000, 'x'));
  place.write("a.gz", "as gzip");
  place.keep("a");
  const std::shared_ptr<FileVersion> version = place.find("a");
  version->add_neighbour(Coding::gzip,
                         resolve(place.directory.get(), {"a.gz", false, {}, Links::inside}, OpenStep::by_segment));
  const Representation under_way = version->representation(Coding::gzip);
  CHECK(place.find("a", 1'000)->coded(Coding::gzip) == FileVersion::Coded::unknown);
  CHECK(std::get<std::string_view>(under_way.content) == "as gzip");
  CHECK(version->coded(Coding::gzip) == FileVersion::Coded::here);
}

TEST_CASE("hot files: a neighbour that somebody writes to is not believed") {
  Place place;
  place.write("a", std::string(1000, 'x'));
  place.write("a.gz", std::string(FileVersion::kMostInMemory + 1, 'z'));
  place.keep("a");
  place.find("a")->add_neighbour(
      Coding::gzip, resolve(place.directory.get(), {"a.gz", false, {}, Links::inside}, OpenStep::by_segment));
  CHECK(place.find("a"));
  place.write("a.gz", std::string(FileVersion::kMostInMemory + 2, 'y'));
  CHECK(place.find("a") == nullptr);
}
