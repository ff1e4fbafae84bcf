// Ranges of files, and what If-Range makes of them: heads, bodies, and multipart bodies piece by piece.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "static/conditional.h"
#include "static/multipart_ranges.h"
#include "support/static_site.h"

using namespace edge;
using namespace edge::test;

namespace {

void age(const std::filesystem::path& file, std::int64_t seconds = 784'111'777) {
  const timespec times[2] = {{seconds, 0}, {seconds, 0}};
  REQUIRE(utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}

/// The body with its boundary, which is another one each time, as "B".
std::string with_plain_boundary(const Answer& answer) {
  const std::string boundary = answer.type.substr(answer.type.find('=') + 1);
  CHECK(boundary.size() == 32);
  std::string text = answer.content;
  for (std::size_t at; (at = text.find(boundary)) != text.npos;) text.replace(at, boundary.size(), "B");
  return text;
}

constexpr std::string_view kTwoParts =
    "--B\r\nContent-Type: text/css; charset=utf-8\r\nContent-Range: bytes 8-9/10\r\n\r\n89"
    "\r\n--B\r\nContent-Type: text/css; charset=utf-8\r\nContent-Range: bytes 0-0/10\r\n\r\n0"
    "\r\n--B--\r\n";

/// A file with no memory of its own behind it, of which a byte's value is its place.
UniqueFd counting_file(const TemporaryDirectory& directory, std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 7 + i / 251);
  directory.write("counting", content);
  return UniqueFd(open((directory / "counting").c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

TEST_CASE("ranges: one of a file, cold and hot") {
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
    site.write("a.css", "0123456789");
    age(site.directory / "root/a.css");
    for (int asked = 0; asked < 4; ++asked) {  // from the third on it is in memory
      const Answer answer = site.ask("/static/a.css", {{"Range", "bytes=2-5"}});
      CHECK(answer.status == 206);
      CHECK(answer.content == "2345");
      CHECK(answer.content_range == "bytes 2-5/10");
      CHECK(answer.accept_ranges == "bytes");
      CHECK(answer.type == "text/css; charset=utf-8");
      CHECK(answer.etag == site.ask("/static/a.css").etag);
      CHECK(answer.last_modified == "Sun, 06 Nov 1994 08:49:37 GMT");
    }
    CHECK(site.ask("/static/a.css", {{"Range", "bytes=-3"}}).content == "789");
    CHECK(site.ask("/static/a.css", {{"Range", "bytes=7-"}}).content == "789");
  }
}

TEST_CASE("ranges: several are a multipart body with its exact length") {
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
    site.write("a.css", "0123456789");
    age(site.directory / "root/a.css");
    for (int asked = 0; asked < 4; ++asked) {
      const Answer answer = site.ask("/static/a.css", {{"Range", "bytes=8-9, 0-0"}});
      CHECK(answer.status == 206);
      CHECK(answer.type.starts_with("multipart/byteranges; boundary="));
      CHECK(answer.content_range.empty());
      CHECK(answer.length == answer.content.size());
      CHECK(with_plain_boundary(answer) == kTwoParts);
    }
    CHECK(site.ask("/static/a.css", {{"Range", "bytes=0-1,2-3"}}).content_range == "bytes 0-3/10");
    CHECK(site.ask("/static/a.css", {{"Range", "bytes=0-0,2-2"}}).type !=
          site.ask("/static/a.css", {{"Range", "bytes=0-0,2-2"}}).type);
  }
}

TEST_CASE("ranges: what cannot be had is 416, and what is no range of a GET is not heeded") {
  StaticSite site(supports().back());
  site.write("a.css", "0123456789");
  site.write("empty.css", "");
  const Answer beyond = site.ask("/static/a.css", {{"Range", "bytes=10-"}});
  CHECK(beyond.status == 416);
  CHECK(beyond.content_range == "bytes */10");
  CHECK(beyond.etag.empty());
  for (const std::string_view range : {"lines=0-1", "bytes=x", "bytes=0-,0-"}) {
    CHECK(site.ask("/static/a.css", {{"Range", range}}).status == 200);
  }
  CHECK(site.ask("/static/a.css", {{"Range", "bytes=0-1"}, {"Range", "bytes=2-3"}}).status == 200);
  CHECK(site.ask("/static/empty.css", {{"Range", "bytes=0-"}}).status == 200);
  const Answer head = site.ask("/static/a.css", {{"Range", "bytes=0-1"}}, "HEAD");
  CHECK(head.status == 200);
  CHECK(head.content.size() == 10);
  CHECK(site.ask("/static/a.css", {{"Range", "bytes=99-"}}, "HEAD").status == 200);
}

TEST_CASE("ranges: preconditions come first, If-Range last") {
  StaticSite site(supports().back());
  site.write("a.css", "0123456789");
  age(site.directory / "root/a.css");
  const Answer plain = site.ask("/static/a.css");
  const auto status = [&](std::string_view name, std::string_view value, std::string_view range = "bytes=0-1") {
    return site.ask("/static/a.css", {{"Range", range}, {name, value}}).status;
  };
  CHECK(status("If-None-Match", plain.etag) == 304);
  CHECK(status("If-None-Match", plain.etag, "bytes=99-") == 304);
  CHECK(status("If-Match", "\"other\"", "bytes=99-") == 412);
  CHECK(status("If-Range", plain.etag) == 206);
  CHECK(status("If-Range", plain.etag, "bytes=99-") == 416);
  CHECK(status("If-Range", plain.last_modified) == 206);
  CHECK(status("If-Range", "Sun Nov  6 08:49:37 1994") == 206);
  for (const std::string_view other :
       {"\"other\"", "*", "", "x", "Sun, 06 Nov 1994 08:49:38 GMT", "Sun, 06 Nov 1994 08:49:36 GMT"}) {
    CAPTURE(other);
    CHECK(status("If-Range", other) == 200);
    CHECK(status("If-Range", other, "bytes=99-") == 200);
  }
  CHECK(status("If-Range", "W/" + plain.etag) == 200);
  CHECK(status("If-Range", plain.etag + ", \"b\"") == 200);
  CHECK(
      site.ask("/static/a.css", {{"Range", "bytes=0-1"}, {"If-Range", plain.etag}, {"If-Range", plain.etag}}).status ==
      200);
}

TEST_CASE("ranges: a date is strong when its second has passed, and a weak tag never is") {
  Arena arena;
  HeaderList request(arena);
  request.add(HeaderName::if_range, "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(if_range_holds(request, {"\"a\"", 784'111'777}, 784'111'779));
  CHECK_FALSE(if_range_holds(request, {"\"a\"", 784'111'777}, 784'111'778));
  CHECK_FALSE(if_range_holds(request, {"\"a\"", 784'111'777}, 784'111'777));
  HeaderList weak(arena);
  weak.add(HeaderName::if_range, "W/\"a\"");
  CHECK_FALSE(if_range_holds(weak, {"W/\"a\"", 784'111'777}, 784'111'900));
}

TEST_CASE("ranges: a multipart body is read in pieces, wherever they fall") {
  const TemporaryDirectory directory;
  Loop loop;
  constexpr std::size_t kSize = 400'000;
  UniqueFd file = counting_file(directory, kSize);
  std::string all(kSize, '\0');
  REQUIRE(pread(file.get(), all.data(), kSize, 0) == static_cast<ssize_t>(kSize));
  const ByteRange ranges[] = {{200'000, 150'001}, {0, 65'536}, {399'999, 1}};
  MultipartRanges parts(loop, std::move(file), kSize, "a/b", ranges);
  const std::string boundary = parts.content_type().substr(31);
  const std::string content = pulled(loop, parts);
  CHECK(content.size() == parts.length());
  std::string expected;
  for (const ByteRange& range : ranges) {
    expected += (expected.empty() ? "--" : "\r\n--") + boundary +
                "\r\nContent-Type: a/b\r\nContent-Range: " + content_range(range, kSize) + "\r\n\r\n" +
                all.substr(range.first, range.length);
  }
  CHECK((content == expected + "\r\n--" + boundary + "--\r\n"));
}

TEST_CASE("ranges: a file that becomes shorter under a multipart body breaks it off") {
  const TemporaryDirectory directory;
  Loop loop;
  UniqueFd file = counting_file(directory, 1'000);
  const ByteRange ranges[] = {{0, 10}, {500, 10}};
  MultipartRanges parts(loop, std::move(file), 1'000, "a/b", ranges);
  REQUIRE(truncate((directory / "counting").c_str(), 100) == 0);
  CHECK(pulled(loop, parts).ends_with("[a file became shorter while it was sent]"));
}
