// Content types: the built-in ones, the file's, and names without a telling end.
#include "static/mime.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using edge::MimeTypes;

TEST_CASE("mime: what the web needs is built in") {
  const MimeTypes types;
  CHECK(types.type_of("index.html") == "text/html; charset=utf-8");
  CHECK(types.type_of("a/b.css") == "text/css; charset=utf-8");
  CHECK(types.type_of("app.js") == "text/javascript; charset=utf-8");
  CHECK(types.type_of("app.mjs") == "text/javascript; charset=utf-8");
  CHECK(types.type_of("data.json") == "application/json");
  CHECK(types.type_of("app.js.map") == "application/json");
  CHECK(types.type_of("a.wasm") == "application/wasm");
  CHECK(types.type_of("a.svg") == "image/svg+xml");
  CHECK(types.type_of("a.woff2") == "font/woff2");
  CHECK(types.type_of("favicon.ico") == "image/vnd.microsoft.icon");
  CHECK(types.type_of("a.tar.gz") == "application/gzip");
}

TEST_CASE("mime: case does not matter, and only the last segment's end does") {
  const MimeTypes types;
  CHECK(types.type_of("PHOTO.JPeG") == "image/jpeg");
  for (const std::string_view path :
       {"", "README", "a.css/README", ".css", "a/.css", "a.", "a.unheard-of", "a.css.", "a.\xff\xfe", "a.c s"}) {
    CAPTURE(path);
    CHECK(types.type_of(path) == "application/octet-stream");
  }
  CHECK(types.type_of("a." + std::string(5'000, 'x')) == "application/octet-stream");
}

TEST_CASE("mime: a file adds to the built-in types, and does not change them") {
  const MimeTypes types(
      "# a comment\n"
      "application/x-thing   thing THANG # more\n"
      "text/x-lines\tlines\r\n"
      "\n"
      "application/x-no-extension\n"
      "text/x-scheme css\n"
      "nonsense one\n"
      "/x two\n"
      "x/ three\n"
      "text/a;b four\n"
      "text/\x01 five\n"
      "application/x-last last");
  CHECK(types.type_of("a.thing") == "application/x-thing");
  CHECK(types.type_of("a.thang") == "application/x-thing");
  CHECK(types.type_of("a.lines") == "text/x-lines; charset=utf-8");
  CHECK(types.type_of("a.css") == "text/css; charset=utf-8");
  CHECK(types.type_of("a.last") == "application/x-last");
  for (const std::string_view refused : {"a.one", "a.two", "a.three", "a.four", "a.five", "a.more", "a.#"}) {
    CAPTURE(refused);
    CHECK(types.type_of(refused) == "application/octet-stream");
  }
}

TEST_CASE("mime: the machine's table is read once and keeps what is built in") {
  CHECK(&MimeTypes::of_system() == &MimeTypes::of_system());
  CHECK(MimeTypes::of_system().type_of("a.css") == "text/css; charset=utf-8");
}

TEST_CASE("mime: overrides come before the types of their base, in any case") {
  const MimeTypes base;
  const MimeTypes types({{"css", "text/x-own"}, {"HTML", "text/html; charset=latin1"}, {"new", "a/b"}}, base);
  CHECK(types.type_of("a.css") == "text/x-own; charset=utf-8");
  CHECK(types.type_of("a.CSS") == "text/x-own; charset=utf-8");
  CHECK(types.type_of("a.html") == "text/html; charset=latin1");
  CHECK(types.type_of("a.new") == "a/b");
  CHECK(types.type_of("a.png") == "image/png");
  CHECK(types.type_of("a.unknown") == "application/octet-stream");
  CHECK(MimeTypes({}, base).type_of("a.png") == "image/png");
}
