// ${NAME} in values.
#include "config/environment.h"

#include <doctest/doctest.h>

namespace edge::config {
namespace {

Substituted put_in(const std::string& text) {
  return substitute(text, [](const std::string& name) -> std::optional<std::string> {
    if (name == "A") return "value";
    if (name == "_B2") return "${A}$host";
    if (name == "EMPTY") return "";
    return std::nullopt;
  });
}

}  // namespace

TEST_CASE("variables of the environment are put in once") {
  CHECK(put_in("${A}").text == "value");
  CHECK(put_in("x${A}y${A}").text == "xvalueyvalue");
  CHECK(put_in("${_B2}").text == "${A}$host");
  CHECK(put_in("[${EMPTY}]").text == "[]");
}

TEST_CASE("a default holds for what is unset or empty") {
  CHECK(put_in("${A:-b}").text == "value");
  CHECK(put_in("${NONE:-b c}d").text == "b cd");
  CHECK(put_in("${EMPTY:-b}").text == "b");
  CHECK(put_in("${NONE:-}").text == "");
  CHECK(put_in("${NONE:-${A}}").text == "${A}");
}

TEST_CASE("what is no name of the environment stays as it is") {
  for (const char* text : {"", "$", "$$", "$A", "${", "${}", "${host}", "$host ${arg_X}", "${1}", "${-A}", "$ {A}"}) {
    CAPTURE(text);
    const Substituted result = put_in(text);
    CHECK(result.text == text);
    CHECK_FALSE(result.changed);
    CHECK(result.faults.empty());
  }
  CHECK(put_in("$${A}").text == "$value");
}

TEST_CASE("what is unset or not ended is told with its offset") {
  REQUIRE(put_in("ab${NONE}").faults.size() == 1);
  CHECK(put_in("ab${NONE}").faults[0].offset == 2);
  CHECK(put_in("${NONE}${OTHER}").faults.size() == 2);
  for (const char* text : {"${A", "${A:-b", "${Ab}", "${A-b}", "${A:b}", "${A:"}) {
    CAPTURE(text);
    CHECK(put_in(text).faults.size() == 1);
  }
}

}  // namespace edge::config
