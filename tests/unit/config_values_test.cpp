// Values as they are written: booleans, sizes, durations; UTF-8; paths.
#include "config/values.h"

#include <doctest/doctest.h>

#include "config/document.h"
#include "config/machine.h"
#include "config/utf8.h"

namespace edge::config {

TEST_CASE("sizes have 1024 to the k and do not overflow") {
  CHECK(parse_size("512") == 512);
  CHECK(parse_size("16k") == 16 * 1024);
  CHECK(parse_size("16K") == 16 * 1024);
  CHECK(parse_size("35M") == 35ULL << 20);
  CHECK(parse_size("2g") == 2ULL << 30);
  CHECK(parse_size("17179869183G") == 17179869183ULL << 30);
  CHECK(parse_size("18446744073709551615") == 18446744073709551615ULL);
  for (const char* wrong :
       {"", "k", "17179869184G", "18446744073709551616", "-1", "+1", "1.5M", "1 k", "1kk", "1kB", "0x10"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_size(wrong));
  }
}

TEST_CASE("durations need a unit") {
  CHECK(parse_duration("250ms") == 250);
  CHECK(parse_duration("0s") == 0);
  CHECK(parse_duration("30s") == 30'000);
  CHECK(parse_duration("5m") == 300'000);
  CHECK(parse_duration("1h") == 3'600'000);
  CHECK(parse_duration("30d") == 2'592'000'000);
  for (const char* wrong : {"", "30", "s", "1S", "1.5s", "1m30s", "-1s", "1 s", "18446744073709551615s"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration(wrong));
  }
}

TEST_CASE("booleans are true, false, on and off") {
  for (const char* yes : {"true", "True", "TRUE", "on", "On", "ON"}) CHECK(parse_boolean(yes) == true);
  for (const char* no : {"false", "False", "FALSE", "off", "Off", "OFF"}) CHECK(parse_boolean(no) == false);
  for (const char* neither : {"", "yes", "no", "1", "0", "tRUE", "true "}) CHECK_FALSE(parse_boolean(neither));
}

TEST_CASE("amounts are written in their largest unit") {
  CHECK(size_text(0) == "0");
  CHECK(size_text(1024) == "1k");
  CHECK(size_text(1536) == "1536");
  CHECK(size_text(3ULL << 30) == "3G");
  CHECK(duration_text(1) == "1ms");
  CHECK(duration_text(90'000) == "90s");
  CHECK(duration_text(86'400'000) == "1d");
}

TEST_CASE("a file is UTF-8 without control characters") {
  CHECK_FALSE(first_bad_byte("a\tb\r\nc"));
  CHECK_FALSE(first_bad_byte("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf"));
  for (const char* wrong : {"\x04", "\x7f", "\x80", "\xc3", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                            "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf0\x9f\x98", "\xff"}) {
    CAPTURE(wrong);
    CHECK(first_bad_byte(std::string("ok") + wrong + "x") == 2);
  }
  CHECK(first_bad_byte(std::string_view("a\0b", 3)) == 1);
  CHECK(count_characters("h\xc3\xa9llo") == 5);
}

TEST_CASE("paths become absolute without resolving links") {
  CHECK(absolute_path("/site", "a/b") == "/site/a/b");
  CHECK(absolute_path("/site", "./a//b/./c/") == "/site/a/b/c");
  CHECK(absolute_path("/site", "../a") == "/site/../a");
  CHECK(absolute_path("/site", "/x/.") == "/x");
  CHECK(absolute_path("/", ".") == "/");
  CHECK(absolute_path("/site", "") == "/site");
  CHECK(parent_path("/a/b") == "/a");
  CHECK(parent_path("/a") == "/");
  CHECK(parent_path("a") == "");
}

TEST_CASE("the path of a key quotes what could be misread") {
  CHECK(key_path("", "edge") == "edge");
  CHECK(key_path("apps.blog", "env") == "apps.blog.env");
  CHECK(key_path("headers", "a.b c") == "headers.`a.b c`");
  CHECK(key_path("headers", "") == "headers.``");
  CHECK(item_path("sites", 2) == "sites[2]");
}

}  // namespace edge::config
