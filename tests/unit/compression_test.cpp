// Compression of answers: which are coded, what their heads say, and bodies that are coded while they are sent.
#include "core/filters/compression.h"

#include <doctest/doctest.h>

#include <fcntl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/filters/compressed_body.h"
#include "support/decoded.h"
#include "support/fake_request.h"

using namespace edge;
using edge::test::decoded;
using edge::test::FakeRequest;
using edge::test::run;

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Pieces, then perhaps an error.
struct Pieces final : BodySource {
  explicit Pieces(std::vector<std::string> all, std::optional<std::uint64_t> in_all = std::nullopt)
      : pieces(std::move(all)), known(in_all) {}
  std::optional<std::uint64_t> length() const override { return known; }
  Task<Result<Chunk>> pull() override {
    if (next == pieces.size()) co_return fail(ErrorKind::bad_gateway, Side::app, "broken off");
    const std::string& piece = pieces[next++];
    co_return Chunk{piece, ends && next == pieces.size()};
  }
  std::vector<std::string> pieces;
  std::optional<std::uint64_t> known;
  std::size_t next = 0;
  bool ends = true;
};

std::string text_of(std::size_t size) {
  std::string text;
  while (text.size() < size) text += "body { color: #" + std::to_string(text.size() * 7919 % 1000) + " }\n";
  text.resize(size);
  return text;
}

/// A request, and an answer that has gone through the filter.
struct Filtered {
  explicit Filtered(Headers of_request = {{"Accept-Encoding", "gzip"}}, std::string_view method = "GET")
      : fake(loop, method), response(fake.arena) {
    for (const auto& [name, value] : of_request) fake.add_header(name, value);
    add("Content-Type", "text/css; charset=utf-8");
    response.body = std::string_view(text);
  }
  void add(std::string_view name, std::string_view value) { response.headers.add(name, value); }
  void set(HeaderName name, std::string_view value) { response.headers.set(name, value); }
  Filtered& filter() {
    compress_answer(settings, fake.request, response);
    return *this;
  }
  std::string_view get(HeaderName name) const { return response.headers.get(name); }
  std::string coding() { return std::string(filter().get(HeaderName::content_encoding)); }

  /// The content as it is sent, piece by piece; ends before an error.
  std::vector<std::string> sent(std::string* error = nullptr) {
    if (const auto* bytes = std::get_if<std::string_view>(&response.body)) return {std::string(*bytes)};
    std::vector<std::string> all;
    auto& source = std::get<std::unique_ptr<BodySource>>(response.body);
    while (true) {
      const Result<BodySource::Chunk> chunk = run(loop, source->pull());
      if (!chunk && error) *error = chunk.error().context;
      if (!chunk) return all;
      all.emplace_back(chunk->bytes);
      if (chunk->last) return all;
    }
  }
  std::string content() {
    std::string all;
    for (const std::string& piece : sent()) all += piece;
    return all;
  }

  Loop loop;
  FakeRequest fake;
  CompressSettings settings;
  std::string text = text_of(4'000);
  Response response;
};

}  // namespace

TEST_CASE("a small body is coded at once, and its head says so") {
  Filtered one;
  one.add("ETag", "\"abc\"");
  one.add("Content-Length", "4000");
  one.add("Accept-Ranges", "bytes");
  CHECK(one.coding() == "gzip");
  CHECK(one.get(HeaderName::vary) == "Accept-Encoding");
  CHECK(one.get(HeaderName::etag) == "W/\"abc\"");
  CHECK(!one.response.headers.find(HeaderName::content_length));
  CHECK(!one.response.headers.find(HeaderName::accept_ranges));
  REQUIRE(std::holds_alternative<std::string_view>(one.response.body));
  CHECK(one.content().size() < 2'000);
  CHECK((decoded(Coding::gzip, one.content())->text == one.text));
}

TEST_CASE("the client's weights choose among the configured encodings") {
  CHECK(Filtered({{"Accept-Encoding", "gzip, br"}}).coding() == "br");
  CHECK(Filtered({{"Accept-Encoding", "gzip, br;q=0.9"}}).coding() == "gzip");
  CHECK(Filtered({{"Accept-Encoding", "zstd"}}).coding().empty());  // not configured
  CHECK(Filtered({}).coding().empty());
  CHECK(Filtered({{"Accept-Encoding", "identity;q=0"}}).coding().empty());
  Filtered zstd({{"Accept-Encoding", "zstd, br, gzip"}});
  zstd.settings.codings = {Coding::zstd, Coding::br};
  CHECK(zstd.coding() == "zstd");
  CHECK((decoded(Coding::zstd, zstd.content())->text == zstd.text));
}

TEST_CASE("what is sent plain for the client's or its size's sake varies all the same") {
  Filtered plain({});
  plain.add("ETag", "\"abc\"");
  CHECK(plain.coding().empty());
  CHECK(plain.get(HeaderName::vary) == "Accept-Encoding");
  CHECK(plain.get(HeaderName::etag) == "\"abc\"");
  CHECK(plain.content() == plain.text);
  Filtered small;
  small.response.body = std::string_view(small.text).substr(0, 1023);
  CHECK(small.coding().empty());
  CHECK(small.get(HeaderName::vary) == "Accept-Encoding");
  Filtered just;
  just.response.body = std::string_view(just.text).substr(0, 1024);
  CHECK(just.coding() == "gzip");
}

TEST_CASE("what must not be changed is left as it is, and says nothing of encodings") {
  for (const int status : {204, 205, 206, 304}) {
    Filtered one;
    one.response.status = status;
    CAPTURE(status);
    CHECK(one.coding().empty());
    CHECK(one.get(HeaderName::vary).empty());
  }
  for (const auto& [name, value] : Headers{{"Content-Encoding", "br"},
                                           {"Content-Encoding", "identity"},
                                           {"Content-Range", "bytes 0-3999/4000"},
                                           {"Cache-Control", "no-transform"},
                                           {"Cache-Control", "max-age=60 , No-Transform"},
                                           {"Content-Digest", "sha-256=:AA==:"},
                                           {"Content-MD5", "AA=="}}) {
    Filtered one;
    one.add(name, value);
    CAPTURE(name);
    one.filter();
    CHECK(one.content() == one.text);
    CHECK(one.get(HeaderName::vary).empty());
  }
  Filtered settled;
  settled.response.coding_settled = true;
  CHECK(settled.coding().empty());
  CHECK(settled.get(HeaderName::vary).empty());
  Filtered file;
  file.response.body = FileRange{UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), 0, 4'000};
  CHECK(file.coding().empty());
  CHECK(std::holds_alternative<FileRange>(file.response.body));
}

TEST_CASE("other words of Cache-Control do not count") {
  Filtered one;
  one.add("Cache-Control", "max-age=60, no-transformation, private=\"no-transform-x\"");
  CHECK(one.coding() == "gzip");
}

TEST_CASE("errors and other answers with content are coded") {
  for (const int status : {200, 201, 203, 403, 404, 500}) {
    Filtered one;
    one.response.status = status;
    CAPTURE(status);
    CHECK(one.coding() == "gzip");
  }
}

TEST_CASE("content types are matched without their parameters, in any case") {
  const std::vector<std::string> patterns = {"text/*", "application/json"};
  for (const char* type : {"text/css", "TEXT/HTML ; charset=x", "text/event-stream", "application/JSON;v=1"}) {
    CAPTURE(type);
    CHECK(is_type_among(type, patterns));
  }
  for (const char* type :
       {"", ";", "text", "image/png", "texts/css", "application/jsonp", "application/json+x", "*/*"}) {
    CAPTURE(type);
    CHECK(!is_type_among(type, patterns));
  }
  CHECK(is_type_among("image/png", std::vector<std::string>{"*/*"}));
  CHECK(!is_type_among("", std::vector<std::string>{"*/*"}));
  Filtered image;
  image.set(HeaderName::content_type, "image/png");
  CHECK(image.coding().empty());
  CHECK(image.get(HeaderName::vary).empty());
}

TEST_CASE("Vary keeps what it has") {
  const auto vary = [](const Headers& given) {
    Filtered one;
    for (const auto& [name, value] : given) one.add(name, value);
    one.filter();
    std::string all;
    for (const HeaderField& field : one.response.headers) {
      if (field.id == HeaderName::vary) all += std::string(field.value) + "|";
    }
    return all;
  };
  CHECK(vary({{"Vary", "Cookie"}}) == "Cookie, Accept-Encoding|");
  CHECK(vary({{"Vary", ""}}) == "|Accept-Encoding|");
  CHECK(vary({{"Vary", "Cookie"}, {"Vary", "Accept"}}) == "Cookie, Accept-Encoding|Accept|");
  CHECK(vary({{"Vary", "Cookie, accept-encoding ,Origin"}}) == "Cookie, accept-encoding ,Origin|");
  CHECK(vary({{"Vary", "Cookie"}, {"Vary", "Accept-Encoding"}}) == "Cookie|Accept-Encoding|");
  CHECK(vary({{"Vary", "*"}}) == "*|");
  CHECK(vary({{"Vary", "X-Accept-Encoding"}}) == "X-Accept-Encoding, Accept-Encoding|");
}

TEST_CASE("a weak tag stays, and what is no tag too") {
  for (const char* tag : {"W/\"abc\"", "abc", ""}) {
    Filtered one;
    one.add("ETag", tag);
    CHECK(one.coding() == "gzip");
    CHECK(one.get(HeaderName::etag) == tag);
  }
}

TEST_CASE("a 304 has the tag under which the client knows the content") {
  const auto tag = [](std::string_view known) {
    Filtered one({{"If-None-Match", std::string(known)}});
    one.response.status = 304;
    one.response.body = std::monostate();
    one.add("ETag", "\"abc\"");
    one.filter();
    return std::string(one.get(HeaderName::etag)) + "|" + std::string(one.get(HeaderName::vary));
  };
  CHECK(tag("W/\"abc\"") == "W/\"abc\"|Accept-Encoding");
  CHECK(tag("\"x\", W/\"abc\"") == "W/\"abc\"|Accept-Encoding");
  CHECK(tag("\"abc\"") == "\"abc\"|");
  CHECK(tag("W/\"abcd\"") == "\"abc\"|");
  CHECK(tag("*") == "\"abc\"|");
}

TEST_CASE("HEAD has the head of GET") {
  Filtered bytes({{"Accept-Encoding", "gzip"}}, "HEAD");
  CHECK(bytes.coding() == "gzip");
  CHECK(bytes.content().size() < 2'000);  // whose size is the Content-Length
  Filtered announced({{"Accept-Encoding", "gzip"}}, "HEAD");
  announced.response.body = std::monostate();
  announced.add("Content-Length", "100000");
  CHECK(announced.coding() == "gzip");
  CHECK(!announced.response.headers.find(HeaderName::content_length));
  Filtered small({{"Accept-Encoding", "gzip"}}, "HEAD");
  small.response.body = std::monostate();
  small.add("Content-Length", "1023");
  CHECK(small.coding().empty());
  CHECK(small.get(HeaderName::content_length) == "1023");
  Filtered streamed({{"Accept-Encoding", "gzip"}}, "HEAD");
  streamed.response.body = std::make_unique<Pieces>(std::vector<std::string>{"x"});
  CHECK(streamed.coding() == "gzip");
  CHECK(std::holds_alternative<std::monostate>(streamed.response.body));
}

TEST_CASE("an answer without content has no encoding") {
  Filtered one;
  one.response.body = std::monostate();
  CHECK(one.coding().empty());
}

TEST_CASE("what would not become smaller is sent as it is") {
  Filtered one;
  one.text.clear();
  for (std::uint32_t i = 1; one.text.size() < 2'000; i = i * 1'103'515'245 + 12'345) {
    one.text += static_cast<char>(i >> 16);
  }
  one.response.body = std::string_view(one.text);
  one.add("ETag", "\"abc\"");
  CHECK(one.coding().empty());
  CHECK(one.get(HeaderName::etag) == "\"abc\"");
  CHECK(one.get(HeaderName::vary) == "Accept-Encoding");
  CHECK((one.content() == one.text));
}

TEST_CASE("large bytes are coded while they are sent, a bounded piece at a time") {
  Filtered one;
  one.text = text_of(1'000'000);
  one.response.body = std::string_view(one.text);
  CHECK(one.coding() == "gzip");
  const std::vector<std::string> pieces = one.sent();
  CHECK(pieces.size() == 8);
  std::string all;
  for (const std::string& piece : pieces) {
    CHECK(piece.size() < 140'000);
    all += piece;
  }
  const auto back = decoded(Coding::gzip, all);
  REQUIRE(back);
  CHECK(back->whole);
  CHECK((back->text == one.text));
}

TEST_CASE("each piece of a stream can be decoded when it has been sent") {
  for (const Coding coding : {Coding::gzip, Coding::br, Coding::zstd}) {
    CAPTURE(coding_name(coding));
    Filtered one({{"Accept-Encoding", std::string(coding_name(coding))}});
    one.settings.codings = {coding};
    const std::string large = text_of(300'000);
    one.response.body = std::make_unique<Pieces>(std::vector<std::string>{"data: 1\n\n", "", "data: 2\n\n", large, ""});
    CHECK(one.coding() == coding_name(coding));
    const std::vector<std::string> pieces = one.sent();
    REQUIRE(pieces.size() == 7);  // the large one is three
    CHECK(decoded(coding, pieces[0])->text == "data: 1\n\n");
    CHECK(pieces[1].empty());
    CHECK(decoded(coding, pieces[0] + pieces[2])->text == "data: 1\n\ndata: 2\n\n");
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    const auto back = decoded(coding, all);
    REQUIRE(back);
    CHECK(back->whole);
    CHECK((back->text == "data: 1\n\ndata: 2\n\n" + large));
  }
}

TEST_CASE("many small pieces that are there at once leave the loop's thread after a while") {
  Filtered one;
  one.response.body = std::make_unique<Pieces>(std::vector<std::string>(20, text_of(kMostOnLoop / 8)));
  CHECK(one.coding() == "gzip");
  auto& source = std::get<std::unique_ptr<BodySource>>(one.response.body);
  int on_loop = 0;
  for (bool done = true; done; ++on_loop) {
    Task<Result<BodySource::Chunk>> pull = source->pull();
    done = pull.done();
    CHECK(run(one.loop, std::move(pull)));
  }
  CHECK(on_loop == 9);
}

TEST_CASE("a stream of a known length is judged by it, and one that breaks off stays broken") {
  Filtered small;
  small.response.body = std::make_unique<Pieces>(std::vector<std::string>{"abc"}, 3);
  CHECK(small.coding().empty());
  CHECK(small.content() == "abc");
  Filtered broken;
  auto source = std::make_unique<Pieces>(std::vector<std::string>{text_of(2'000)}, 4'000);
  source->ends = false;
  broken.response.body = std::move(source);
  CHECK(broken.coding() == "gzip");
  std::string error;
  const std::vector<std::string> pieces = broken.sent(&error);
  CHECK(error == "broken off");
  REQUIRE(pieces.size() == 1);
  CHECK(!decoded(Coding::gzip, pieces[0])->whole);
}

TEST_CASE("a source that lies about its length breaks off, and no other answer suffers") {
  Filtered one({{"Accept-Encoding", "zstd"}});
  one.settings.codings = {Coding::zstd};
  one.response.body = std::make_unique<Pieces>(std::vector<std::string>{text_of(1'000), text_of(1'000)}, 4'000);
  CHECK(one.coding() == "zstd");
  std::string error;
  CHECK(one.sent(&error).size() == 1);
  CHECK(!error.empty());
  Filtered next({{"Accept-Encoding", "zstd"}});
  next.settings.codings = {Coding::zstd};
  CHECK(next.coding() == "zstd");
  CHECK((decoded(Coding::zstd, next.content())->text == next.text));
}

TEST_CASE("where too many answers are under way the next is sent plain") {
  std::vector<TakenCompressor> taken;
  for (std::size_t i = 0; i < kMostTaken; ++i) taken.push_back(take_compressor(Coding::gzip, 1, std::nullopt));
  Filtered one;
  one.response.body = std::make_unique<Pieces>(std::vector<std::string>{"abc"});
  CHECK(one.coding().empty());
  CHECK(one.content() == "abc");
  CHECK(one.get(HeaderName::vary) == "Accept-Encoding");
}
