// Escaping: every byte, and UTF-8 that only looks like it.
#include "core/escape.h"

#include <doctest/doctest.h>

#include <string>

using namespace edge;

namespace {

std::string in_log(std::string_view text) {
  std::string to = ">";
  append_log_escaped(text, to);
  return to;
}
std::string in_json(std::string_view text) {
  std::string to = ">";
  append_json_escaped(text, to);
  return to;
}
std::string printable(std::string_view text) {
  std::string to = ">";
  append_printable(text, to);
  return to;
}
std::string in_header(std::string_view text, bool url) {
  std::string to = ">";
  append_percent_encoded(text, url, to);
  return to;
}

}  // namespace

TEST_CASE("a character of UTF-8 is as long as it says, and nothing else is one") {
  CHECK(utf8_character("a") == 1);
  CHECK(utf8_character(std::string_view("\0", 1)) == 1);
  CHECK(utf8_character("\xc3\xa9!") == 2);
  CHECK(utf8_character("\xe2\x82\xac") == 3);
  CHECK(utf8_character("\xf0\x9f\x98\x80") == 4);
  CHECK(utf8_character("\xf4\x8f\xbf\xbf") == 4);
  for (const char* broken :
       {"", "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe2\x82", "\xe2(\xac", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    CAPTURE(broken);
    CHECK(utf8_character(broken) == 0);
  }
}

TEST_CASE("log lines are escaped as nginx escapes them") {
  CHECK(in_log("plain text") == ">plain text");
  CHECK(in_log("\"a\\b\"") == ">\\x22a\\x5Cb\\x22");
  CHECK(in_log("\r\nX") == ">\\x0D\\x0AX");
  CHECK(in_log(std::string_view("\0\x7f\xff", 3)) == ">\\x00\\x7F\\xFF");
  CHECK(in_log("\xc3\xa9") == ">\\xC3\\xA9");
  CHECK(in_log("") == ">");
}

TEST_CASE("JSON stays valid whatever the bytes") {
  CHECK(in_json("a\"b\\c/") == ">a\\\"b\\\\c/");
  CHECK(in_json("\n\r\t\b\f") == ">\\n\\r\\t\\b\\f");
  CHECK(in_json(std::string_view("\0\x1f\x7f", 3)) == ">\\u0000\\u001f\\u007f");
  CHECK(in_json("caf\xc3\xa9 \xe2\x82\xac") == ">caf\xc3\xa9 \xe2\x82\xac");
  CHECK(in_json("\xe9t\xed\xa0\x80") == ">\\u00e9t\\u00ed\\u00a0\\u0080");
  CHECK(in_json("end\xe2\x82") == ">end\\u00e2\\u0082");
}

TEST_CASE("a terminal gets no command from a log") {
  CHECK(printable("caf\xc3\xa9\t\"x\\\"") == ">caf\xc3\xa9\t\"x\\\"");
  CHECK(printable("\x1b[31m") == ">\\x1B[31m");
  CHECK(printable("\xc2\x9b"
                  "31m") == ">\\xC2\\x9B31m");
  CHECK(printable("\xc2\xa0") == ">\xc2\xa0");
  CHECK(printable("\xff\x7f\n") == ">\\xFF\\x7F\\x0A");
}

TEST_CASE("a header value holds no line break, and a URL only what a URL may hold") {
  CHECK(in_header("a b\r\nSet-Cookie: x\x7f", false) == ">a b%0D%0ASet-Cookie: x%7F");
  CHECK(in_header("caf\xc3\xa9 \"", false) == ">caf\xc3\xa9 \"");
  CHECK(in_header("/a b?x=%20&y=1#z", true) == ">/a%20b?x=%20&y=1#z");
  CHECK(in_header("\r\n\\\"<>^`{|}\xc3\xa9", true) == ">%0D%0A%5C%22%3C%3E%5E%60%7B%7C%7D%C3%A9");
}

TEST_CASE("escape: the query of a URL stays what it is, but for what no request holds") {
  std::string query;
  edge::append_url_query("a=b&c=%20\"<>\\^`{|}?/\xc3\xa9", query);
  CHECK(query == "a=b&c=%20\"<>\\^`{|}?/\xc3\xa9");
  query.clear();
  edge::append_url_query(std::string_view("a b\r\n\t\0#\x7f", 9), query);
  CHECK(query == "a%20b%0D%0A%09%00%23%7F");
}

TEST_CASE("escape: HTML and the path of a URL") {
  std::string html;
  edge::append_html_escaped("<a href=\"x\" title='y'>&amp;\xc3\xa4", html);
  CHECK(html == "&#60;a href=&#34;x&#34; title=&#39;y&#39;&#62;&#38;amp;\xc3\xa4");
  std::string path;
  edge::append_url_path("/a b/%?#[]\\\"<>^`{|}\x7f\n\xff-._~!$&'()*+,;=:@", path);
  CHECK(path == "/a%20b/%25%3F%23%5B%5D%5C%22%3C%3E%5E%60%7B%7C%7D%7F%0A%FF-._~!$&'()*+,;=:@");
}
