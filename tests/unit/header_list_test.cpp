// HeaderList: interned names, lookup, removal.
#include "core/http/header_list.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

using namespace edge;

namespace {

constexpr int kNames = static_cast<int>(HeaderName::x_sendfile);

std::string recased(std::string_view text, int (*change)(int)) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [change](char c) { return static_cast<char>(change(c)); });
  return result;
}

}  // namespace

TEST_CASE("every well-known name is found in any case") {
  for (int i = 1; i <= kNames; ++i) {
    const auto id = static_cast<HeaderName>(i);
    const std::string_view spelling = header_spelling(id);
    CAPTURE(spelling);
    REQUIRE_FALSE(spelling.empty());
    CHECK(header_name(spelling) == id);
    CHECK(header_name(recased(spelling, std::toupper)) == id);
    CHECK(header_name(recased(spelling, std::tolower)) == id);
  }
  CHECK(header_spelling(HeaderName::etag) == "ETag");
  CHECK(header_spelling(HeaderName::te) == "TE");
  CHECK(header_spelling(HeaderName::if_unmodified_since) == "If-Unmodified-Since");
  CHECK(header_spelling(HeaderName::other).empty());
}

TEST_CASE("a name that differs in any one byte is another name") {
  for (int i = 1; i <= kNames; ++i) {
    const auto id = static_cast<HeaderName>(i);
    const std::string spelling(header_spelling(id));
    for (std::size_t at = 0; at < spelling.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = spelling;
        changed[at] = static_cast<char>(byte);
        const bool same = std::tolower(static_cast<unsigned char>(spelling[at])) == std::tolower(byte);
        if ((header_name(changed) == id) != same) FAIL(changed);
      }
    }
    CHECK(header_name(spelling.substr(1)) != id);
    CHECK(header_name(spelling + "x") != id);
  }
  CHECK(header_name("") == HeaderName::other);
  CHECK(header_name("\xff\xff\xff\xff") == HeaderName::other);
  CHECK(header_name(std::string(70'000, 'h')) == HeaderName::other);
}

TEST_CASE("same_name ignores the case of ASCII letters and nothing else") {
  CHECK(same_name("X-Foo", "x-fOO"));
  CHECK(same_name("", ""));
  CHECK_FALSE(same_name("X-Foo", "X_Foo"));
  CHECK_FALSE(same_name("X-Foo", "X-Foo2"));
  CHECK_FALSE(same_name("[", "{"));
  CHECK_FALSE(same_name("\xc4", "\xe4"));
}

TEST_CASE("fields are found, replaced and removed by name, and the others keep their order") {
  Arena arena;
  HeaderList list(arena);
  list.add("Set-Cookie", "a=1");
  list.add("X-One", "1");
  list.add("set-cookie", "b=2");
  list.add("x-two", "2");
  list.add(HeaderName::etag, "\"e\"");

  CHECK(list.find(HeaderName::set_cookie)->value == "a=1");
  CHECK(list.find("SET-COOKIE")->value == "a=1");
  CHECK(list.find("X-TWO")->value == "2");
  CHECK(list.find("x-three") == nullptr);
  CHECK(list.get(HeaderName::date).empty());

  list.remove(HeaderName::set_cookie);
  list.remove("X-ONE");
  REQUIRE(list.size() == 2);
  CHECK(list[0].name == "x-two");
  CHECK(list[1].id == HeaderName::etag);

  list.set(HeaderName::etag, "\"f\"");
  REQUIRE(list.size() == 2);
  CHECK(list.get(HeaderName::etag) == "\"f\"");
  list.remove("etag");
  CHECK(list.size() == 1);
}

TEST_CASE("a list grows past its first block") {
  Arena arena;
  HeaderList list(arena);
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("X-" + std::to_string(i));
  for (const std::string& name : names) list.add(name, name);
  REQUIRE(list.size() == 100);
  for (const std::string& name : names) CHECK(list.find(name)->value == name);
}

TEST_CASE("trimmed: blanks around a value, and none within") {
  CHECK(edge::trimmed(" \t a b\t ") == "a b");
  CHECK(edge::trimmed("a") == "a");
  CHECK(edge::trimmed(" \t") == "");
  CHECK(edge::trimmed("\n a ") == "\n a");
}

TEST_CASE("a list knows at once which names it does not have") {
  Arena arena;
  HeaderList list(arena);
  CHECK_FALSE(list.may_have({HeaderName::other, HeaderName::etag, HeaderName::x_sendfile}));
  list.add("X-One", "1");
  list.add(HeaderName::x_sendfile, "/a");
  CHECK(list.may_have(HeaderName::other));
  CHECK(list.may_have({HeaderName::etag, HeaderName::x_sendfile}));
  CHECK_FALSE(list.may_have(HeaderName::etag));
  list.replace(0, {"ETag", "\"e\"", HeaderName::etag});
  CHECK(list.get(HeaderName::etag) == "\"e\"");
  list.remove(HeaderName::x_sendfile);
  CHECK_FALSE(list.may_have(HeaderName::x_sendfile));
  list.clear();
  CHECK_FALSE(list.may_have(HeaderName::etag));
}
