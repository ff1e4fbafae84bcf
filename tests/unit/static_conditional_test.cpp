// Conditional requests and entity tags: RFC 9110's order and comparisons as tables.
#include "static/conditional.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>

#include "core/arena.h"
#include "static/entity_tag.h"

using edge::Arena;
using edge::check_preconditions;
using edge::FileFacts;
using edge::HeaderField;
using edge::HeaderList;
using edge::HeaderName;
using edge::Precondition;

namespace {

constexpr std::int64_t kModified = 784'111'777;
constexpr std::string_view kSame = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr std::string_view kAfter = "Sun, 06 Nov 1994 08:49:38 GMT";

struct Header {
  HeaderName name;
  std::string_view value;
};

Precondition check(std::initializer_list<Header> headers) {
  Arena arena;
  HeaderList list(arena);
  for (const Header& header : headers) list.add(header.name, header.value);
  return check_preconditions(list, {"\"now\"", kModified});
}

std::string tag_of(const FileFacts& facts) {
  char text[edge::kMaxEntityTag];
  return std::string(edge::format_entity_tag(facts, text));
}

}  // namespace

TEST_CASE("conditional: without conditions the content is sent") {
  CHECK(check({}) == Precondition::holds);
  CHECK(check({{HeaderName::accept, "*/*"}, {HeaderName::if_range, "\"old\""}}) == Precondition::holds);
}

TEST_CASE("conditional: If-None-Match compares weakly") {
  for (const std::string_view value : {"\"now\"", "W/\"now\"", "*", "\"a\", \"now\"", "\"a\" , W/\"now\" , \"b\"",
                                       ",, \"now\",", "\"a\"\t,\"now\"", "\"a,b\", \"now\""}) {
    CAPTURE(value);
    CHECK(check({{HeaderName::if_none_match, value}}) == Precondition::not_modified);
  }
  for (const std::string_view value : {"\"old\"", "", "now", "\"now", "w/\"now\"", "\"a\"\"now\"", "* , \"a\"",
                                       "\"a\" x \"now\"", "\"NOW\"", "W/ \"now\"", "\"xnow\"", "garbage, \"now\""}) {
    CAPTURE(value);
    CHECK(check({{HeaderName::if_none_match, value}}) == Precondition::holds);
  }
}

TEST_CASE("conditional: If-Match compares strongly") {
  CHECK(check({{HeaderName::if_match, "\"now\""}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_match, "*"}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_match, "\"a\", \"now\""}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_match, "W/\"now\""}}) == Precondition::failed);
  CHECK(check({{HeaderName::if_match, "\"old\""}}) == Precondition::failed);
  CHECK(check({{HeaderName::if_match, ""}}) == Precondition::failed);
}

TEST_CASE("conditional: a weak tag of the content matches weakly only") {
  Arena arena;
  HeaderList list(arena);
  list.add(HeaderName::if_none_match, "\"old\", \"now\"");
  CHECK(check_preconditions(list, {"W/\"now\"", kModified}) == Precondition::not_modified);
  HeaderList strong(arena);
  strong.add(HeaderName::if_match, "W/\"now\", \"now\"");
  CHECK(check_preconditions(strong, {"W/\"now\"", kModified}) == Precondition::failed);
}

TEST_CASE("conditional: If-Modified-Since and If-Unmodified-Since") {
  CHECK(check({{HeaderName::if_modified_since, kSame}}) == Precondition::not_modified);
  CHECK(check({{HeaderName::if_modified_since, kAfter}}) == Precondition::not_modified);
  CHECK(check({{HeaderName::if_modified_since, kBefore}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_modified_since, "Sun Nov  6 08:49:37 1994"}}) == Precondition::not_modified);
  CHECK(check({{HeaderName::if_modified_since, "yesterday"}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_unmodified_since, kSame}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_unmodified_since, kBefore}}) == Precondition::failed);
  CHECK(check({{HeaderName::if_unmodified_since, "tomorrow"}}) == Precondition::holds);
}

TEST_CASE("conditional: a date that comes twice counts as not sent") {
  CHECK(check({{HeaderName::if_modified_since, kSame}, {HeaderName::if_modified_since, kSame}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_unmodified_since, kBefore},
               {HeaderName::if_unmodified_since, kBefore},
               {HeaderName::if_unmodified_since, kBefore}}) == Precondition::holds);
}

TEST_CASE("conditional: tags spread over several fields are one list") {
  CHECK(check({{HeaderName::if_none_match, "\"a\""}, {HeaderName::if_none_match, "\"now\""}}) ==
        Precondition::not_modified);
  CHECK(check({{HeaderName::if_match, "\"now\""}, {HeaderName::if_match, "\"a\""}}) == Precondition::holds);
}

TEST_CASE("conditional: tags rule over dates, and refusing over not modified") {
  CHECK(check({{HeaderName::if_none_match, "\"old\""}, {HeaderName::if_modified_since, kSame}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_none_match, "\"now\""}, {HeaderName::if_modified_since, kBefore}}) ==
        Precondition::not_modified);
  CHECK(check({{HeaderName::if_match, "\"now\""}, {HeaderName::if_unmodified_since, kBefore}}) == Precondition::holds);
  CHECK(check({{HeaderName::if_match, "\"old\""}, {HeaderName::if_none_match, "\"now\""}}) == Precondition::failed);
  CHECK(check({{HeaderName::if_match, "\"now\""}, {HeaderName::if_none_match, "\"now\""}}) ==
        Precondition::not_modified);
  CHECK(check({{HeaderName::if_unmodified_since, kSame}, {HeaderName::if_modified_since, kSame}}) ==
        Precondition::not_modified);
}

TEST_CASE("entity tag: hexadecimal, quoted, and another one for every change") {
  CHECK(tag_of({0, 0, 0}) == "\"0-0\"");
  CHECK(tag_of({1'024, 1, 5}) == "\"3b9aca05-400\"");
  const std::uint64_t most = ~std::uint64_t{0};
  CHECK(tag_of({most, -1, 999'999'999}) == "\"ffffffffffffffff-ffffffffffffffff\"");
  CHECK(tag_of({most, -1, 999'999'999}).size() == edge::kMaxEntityTag);
  const std::set<std::string> tags{tag_of({1, 1, 1}), tag_of({2, 1, 1}), tag_of({1, 2, 1}), tag_of({1, 1, 2})};
  CHECK(tags.size() == 4);
}
