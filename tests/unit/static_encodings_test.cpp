// Compressed forms of files: neighbours, what is compressed once for a version, tags, Vary, and when a file stays
// plain.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>

#include "support/captured_log.h"
#include "support/static_site.h"

using namespace edge;
using namespace edge::test;

namespace {

constexpr std::string_view kStyle = "/static/a.css";

int count(std::string_view text, std::string_view part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// A site whose only file is a.css, of 4000 bytes that compress well.
struct CodedSite {
  explicit CodedSite(OpenSupport support = probe_open_support()) : site(support) { write("a.css", plain); }

  void write(std::string_view name, std::string_view content, time_t modified = 1'000'000) const {
    site.write(name, content);
    const timespec times[2] = {{modified, 0}, {modified, 0}};
    const std::filesystem::path path = site.directory / "root" / name;
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  }
  struct Coded {
    int status = 0;
    std::string encoding, vary, tag, content, range, ranges;
  };
  Coded ask(std::string_view accept, const FakeRequest::Headers& more = {}, std::string_view target = kStyle) {
    FakeRequest fake(site.loop, "GET", target, more);
    if (!accept.empty()) fake.request.headers.add(HeaderName::accept_encoding, accept);
    Route route;
    route.http.compress = compress;
    for (const auto& [name, value] : rules) route.headers.push_back({name, Template::compile(value).value()});
    fake.request.route = &route;
    const Response response = run(site.loop, site.handler().handle(fake.request));
    const auto value = [&](HeaderName name) { return std::string(response.headers.get(name)); };
    return {response.status,
            value(HeaderName::content_encoding),
            value(HeaderName::vary),
            value(HeaderName::etag),
            answer_of(response).content,
            value(HeaderName::content_range),
            value(HeaderName::accept_ranges)};
  }

  std::string plain = std::string(4000, 'x');
  StaticSite site;
  std::optional<CompressSettings> compress;
  std::vector<std::pair<std::string, std::string>> rules;  // of its route
};

}  // namespace

TEST_CASE("encodings: without a setting a file is plain, and Vary is silent") {
  CodedSite site;
  site.write("a.css.gz", "neighbour");
  const CodedSite::Coded coded = site.ask("gzip, br");
  CHECK(coded.encoding.empty());
  CHECK(coded.vary.empty());
  CHECK(coded.content == site.plain);
}

TEST_CASE("encodings: a file beside it is sent to those who understand it, each under its own tag") {
  for (const OpenSupport& support : supports()) {
    CodedSite site(support);
    site.site.files.precompressed = true;
    site.write("a.css.gz", "as gzip");
    site.write("a.css.br", "as br", 2'000'000);
    const CodedSite::Coded br = site.ask("gzip, br");
    const CodedSite::Coded gzip = site.ask("gzip;q=1.0, br;q=0.5");
    const CodedSite::Coded plain = site.ask("zstd");
    CHECK(br.encoding == "br");
    CHECK(br.content == "as br");
    CHECK(gzip.encoding == "gzip");
    CHECK(gzip.content == "as gzip");
    CHECK(plain.encoding.empty());
    CHECK(plain.content == site.plain);
    for (const auto& answer : {br, gzip, plain}) CHECK(answer.vary == "Accept-Encoding");
    CHECK(br.tag != gzip.tag);
    CHECK(br.tag != plain.tag);
    CHECK(site.ask("").content == site.plain);
    CHECK(site.ask("br", {{"If-None-Match", br.tag}}).status == 304);
    CHECK(site.ask("br", {{"If-None-Match", plain.tag}}).status == 200);
  }
}

TEST_CASE("encodings: a neighbour that is older, empty, a folder or gone is none; a new one is seen") {
  CodedSite site;
  site.site.files.precompressed = true;
  site.write("a.css.gz", "stale", 999'999);
  site.write("a.css.br", "");
  std::filesystem::create_directory(site.site.directory / "root" / "a.css.zst");
  CHECK(site.ask("gzip, br, zstd").content == site.plain);
  site.write("a.css.gz", "fresh");
  CHECK(site.ask("gzip, br, zstd").content == "fresh");
  std::filesystem::remove(site.site.directory / "root" / "a.css.gz");
  CHECK(site.ask("gzip, br, zstd").content == site.plain);
}

TEST_CASE("encodings: a file is compressed once for each version, small on the loop and large on the pool") {
  for (const std::size_t size : {std::size_t{4000}, Encodings::kMostOnLoop + 1, FileVersion::kMostInMemory + 1}) {
    CodedSite site;
    CapturedLog log;
    site.plain = std::string(size, 'y');
    site.write("a.css", site.plain);
    site.compress.emplace();
    const CodedSite::Coded first = site.ask("gzip");
    CHECK(first.encoding == "gzip");
    CHECK(first.content.size() < size / 10);
    CHECK(first.vary == "Accept-Encoding");
    CHECK(site.site.hot.size() == 1);
    const std::uint64_t memory = site.site.hot.memory();
    CHECK(site.ask("gzip").content == first.content);
    CHECK(site.site.hot.memory() == memory);
    const std::string where = size == 4000 ? "loop" : "thread pool";
    CHECK(count(log.text(), "a.css is compressed (gzip) on the " + where) == 1);
    CHECK(site.ask("br").encoding == "br");
    CHECK(site.ask("").content == site.plain);
    CHECK(count(log.text(), "is compressed") == 2);
    site.write("a.css", std::string(size, 'z'), 2'000'000);
    const CodedSite::Coded second = site.ask("gzip");
    CHECK(second.content != first.content);
    CHECK(second.tag != first.tag);
    CHECK(count(log.text(), "is compressed") == 3);
  }
}

TEST_CASE("encodings: a file that was just written is compressed once for all who ask within the time to live") {
  constexpr Milliseconds kHour{3'600'000};
  for (const time_t modified : {time_t{1'000'000}, time_t{4'000'000'000}}) {  // long ago, and in the future
    CodedSite site;
    site.compress.emplace();
    site.write("a.css", site.plain, modified);
    HotFiles hot(32 << 20, kHour, 3600);
    const auto handler = StaticHandler::open(site.site.files, site.site.route, hot).value();
    CapturedLog log;
    const auto ask = [&] {
      FakeRequest fake(site.site.loop, "GET", kStyle, {{"Accept-Encoding", "gzip"}});
      Route route;
      route.http.compress = site.compress;
      fake.request.route = &route;
      const Response response = run(site.site.loop, handler->handle(fake.request));
      CHECK(response.headers.get(HeaderName::content_encoding) == "gzip");
      return answer_of(response).content;
    };
    const std::string first = ask();
    for (int i = 0; i < 5; ++i) CHECK(ask() == first);
    CHECK(count(log.text(), "is compressed") == 1);
    site.write("a.css", std::string(5000, 'y'), modified);
    CHECK(ask() != first);
    CHECK(count(log.text(), "is compressed") == 2);
  }
}

TEST_CASE("encodings: an encoded answer does not speak of ranges, which are of the plain file") {
  CodedSite site;
  site.site.files.precompressed = true;
  site.compress.emplace();
  site.write("a.css.gz", "as gzip");
  CHECK(site.ask("").ranges == "bytes");
  CHECK(site.ask("gzip").ranges.empty());
  CHECK(site.ask("br").encoding == "br");
  CHECK(site.ask("br").ranges.empty());
  CHECK(site.ask("gzip", {{"Range", "bytes=0-9"}}).ranges == "bytes");
}

TEST_CASE("encodings: a neighbour goes before the compressor, and makes up for a coding that is not compressed to") {
  CodedSite site;
  site.site.files.precompressed = true;
  site.compress.emplace();
  site.compress->codings = {Coding::gzip};
  site.write("a.css.gz", "as gzip");
  site.write("a.css.zst", "as zstd");
  CHECK(site.ask("gzip").content == "as gzip");
  CHECK(site.ask("zstd").content == "as zstd");
  CHECK(site.ask("br").content == site.plain);
}

TEST_CASE("encodings: different content has a different tag, though the file beside which it lies stays") {
  CodedSite site;
  site.site.files.precompressed = true;
  site.compress.emplace();
  site.write("a.css.gz", "one");
  const CodedSite::Coded one = site.ask("gzip");
  site.write("a.css.gz", "two", 2'000'000);
  const CodedSite::Coded two = site.ask("gzip", {{"If-None-Match", one.tag}});
  CHECK(two.status == 200);
  CHECK(two.content == "two");
  std::filesystem::remove(site.site.directory / "root" / "a.css.gz");
  const CodedSite::Coded own = site.ask("gzip", {{"If-None-Match", one.tag + ", " + two.tag}});
  CHECK(own.status == 200);
  CHECK(site.ask("gzip", {{"If-None-Match", own.tag}}).status == 304);
  CodedSite other;
  other.compress.emplace();
  other.compress->level = 1;
  other.plain = site.plain = std::string("abcabcabdabe").append(site.plain);
  for (const CodedSite* each : {&site, &other}) each->write("a.css", each->plain, 3'000'000);
  const CodedSite::Coded better = site.ask("gzip");
  const CodedSite::Coded quicker = other.ask("gzip");
  REQUIRE(better.content != quicker.content);
  CHECK(better.tag != quicker.tag);
}

TEST_CASE("encodings: a neighbour of the same second is fresh") {
  CodedSite site;
  site.site.files.precompressed = true;
  const timespec times[2] = {{1'000'000, 900'000'000}, {1'000'000, 900'000'000}};
  REQUIRE(::utimensat(AT_FDCWD, (site.site.directory / "root/a.css").c_str(), times, 0) == 0);
  site.write("a.css.gz", "fresh");
  CHECK(site.ask("gzip").content == "fresh");
}

TEST_CASE("encodings: a neighbour takes the place of what was compressed, which is not compressed again meanwhile") {
  CodedSite site;
  CapturedLog log;
  site.site.files.precompressed = true;
  site.compress.emplace();
  const CodedSite::Coded own = site.ask("gzip");
  CHECK(own.encoding == "gzip");
  for (int i = 0; i < 3; ++i) CHECK(site.ask("gzip").content == own.content);
  CHECK(count(log.text(), "is compressed") == 1);
  site.write("a.css.gz", "beside");
  CHECK(site.ask("gzip").content == "beside");
  std::filesystem::remove(site.site.directory / "root" / "a.css.gz");
  CHECK(site.ask("gzip").content == own.content);
  std::string noise;
  std::uint32_t state = 1;
  for (int i = 0; i < 5000; ++i) noise += static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  site.write("noise.css", noise);
  const int before = count(log.text(), "is compressed");
  for (int i = 0; i < 3; ++i) CHECK(site.ask("gzip", {}, "/static/noise.css").content == noise);
  CHECK(count(log.text(), "is compressed") == before + 1);
}

TEST_CASE("encodings: what gains nothing, is small, of another type or too large stays plain") {
  CodedSite site;
  site.compress.emplace();
  site.write("a.png", site.plain);
  const CodedSite::Coded picture = site.ask("gzip", {}, "/static/a.png");
  CHECK(picture.encoding.empty());
  CHECK(picture.vary.empty());
  site.write("small.css", "x");
  CHECK(site.ask("gzip", {}, "/static/small.css").encoding.empty());
  std::string noise;
  std::uint32_t state = 1;
  for (int i = 0; i < 5000; ++i) noise += static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  site.write("noise.css", noise);
  const CodedSite::Coded random = site.ask("gzip", {}, "/static/noise.css");
  CHECK(random.encoding.empty());
  CHECK(random.content == noise);
  CHECK(random.vary == "Accept-Encoding");
  site.write("large.css", std::string(Encodings::kMostCompressed + 1, 'x'));
  CHECK(site.ask("gzip", {}, "/static/large.css").encoding.empty());
}

TEST_CASE("encodings: ranges are of the plain file, and a tag of another form does not join them") {
  CodedSite site;
  site.site.files.precompressed = true;
  site.compress.emplace();
  site.write("a.css.gz", "as gzip");
  const CodedSite::Coded gzip = site.ask("gzip");
  const CodedSite::Coded part = site.ask("gzip", {{"Range", "bytes=0-9"}});
  CHECK(part.status == 206);
  CHECK(part.encoding.empty());
  CHECK(part.range == "bytes 0-9/4000");
  CHECK(part.vary == "Accept-Encoding");
  CHECK(site.ask("gzip", {{"Range", "bytes=0-9"}, {"If-Range", gzip.tag}}).status == 200);
  CHECK(site.ask("gzip", {{"Range", "bytes=0-9"}, {"If-Range", part.tag}}).status == 206);
}

TEST_CASE("encodings: nothing is kept without memory, and all works as before") {
  CodedSite site;
  site.compress.emplace();
  HotFiles none(0);
  const auto handler = StaticHandler::open(site.site.files, site.site.route, none).value();
  for (int i = 0; i < 2; ++i) {
    FakeRequest fake(site.site.loop, "GET", kStyle, {{"Accept-Encoding", "gzip"}});
    Route route;
    route.http.compress = site.compress;
    fake.request.route = &route;
    const Response response = run(site.site.loop, handler->handle(fake.request));
    CHECK(response.headers.get(HeaderName::content_encoding) == "gzip");
  }
  CHECK(none.size() == 0);
}

TEST_CASE("encodings: a folder's index file is compressed as any other") {
  CodedSite site;
  site.compress.emplace();
  std::filesystem::create_directory(site.site.directory / "root" / "docs");
  site.write("docs/index.html", site.plain);
  CHECK(site.ask("gzip", {}, "/static/docs/").encoding == "gzip");
  CHECK(site.ask("gzip", {}, "/static/docs/index.html").encoding == "gzip");
  CHECK(site.site.hot.size() == 1);
}

TEST_CASE("encodings: a rule that says no-transform keeps the compressor off") {
  CodedSite site;
  site.compress = CompressSettings{};
  REQUIRE(site.ask("gzip").encoding == "gzip");
  site.rules = {{"cache-control", "max-age=60, No-Transform"}};
  const CodedSite::Coded plain = site.ask("gzip");
  CHECK(plain.encoding.empty());
  CHECK(plain.vary.empty());
  CHECK(plain.content == site.plain);
  site.rules = {{"Cache-Control", "no-transform"}, {"Cache-Control", "$arg_nothing"}, {"X-Other", "no-transform"}};
  CHECK(site.ask("gzip").encoding.empty());  // a rule that renders to nothing changes nothing
  site.rules = {{"Cache-Control", "no-transform"}, {"Cache-Control", "no-cache"}};
  CHECK(site.ask("gzip").encoding == "gzip");  // the last counts
}

TEST_CASE("encodings: no-transform is no word about files that lie compressed beside others") {
  CodedSite site;
  site.site.files.precompressed = true;
  site.write("a.css.gz", "as gzip");
  site.rules = {{"Cache-Control", "no-transform"}};
  CHECK(site.ask("gzip").content == "as gzip");
}
