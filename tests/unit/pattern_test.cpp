// Patterns: what they mean, that effort is bounded, and errors that say where.
#include "core/http/pattern.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

using edge::Pattern;

namespace {

bool matches(std::string_view source, std::string_view subject, bool ignore_case = false) {
  const auto pattern = Pattern::compile(source, ignore_case);
  REQUIRE(pattern.has_value());
  return pattern->matches(subject);
}

}  // namespace

TEST_CASE("pattern: searches anywhere unless anchored") {
  CHECK(matches("b+", "abbc"));
  CHECK_FALSE(matches("^b+", "abbc"));
  CHECK(matches(R"(\.(css|js)$)", "/x/a.css"));
  CHECK_FALSE(matches(R"(\.(css|js)$)", "/x/a.css.br"));
  CHECK(matches("", "/anything"));
  CHECK(matches("^$", ""));
}

TEST_CASE("pattern: case counts unless told otherwise") {
  CHECK_FALSE(matches(R"(\.php$)", "/A.PHP"));
  CHECK(matches(R"(\.php$)", "/A.PHP", true));
}

TEST_CASE("pattern: the end is the end, not before a newline") {
  CHECK_FALSE(matches(R"(\.php$)", "/a.php\n"));
}

TEST_CASE("pattern: subjects are bytes") {
  CHECK(matches("^/.$", "/\xff"));
  CHECK(matches("b", std::string_view("a\0b", 3)));
  CHECK_FALSE(Pattern::compile("(*UTF)a", false).has_value());
}

TEST_CASE("pattern: an error says where and what") {
  const auto broken = Pattern::compile("/a(b", false);
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().offset == 4);
  CHECK(broken.error().message.find("parenthes") != std::string::npos);
}

TEST_CASE("pattern: a match that explodes is given up") {
  const std::string subject = std::string(4'000, 'a') + "!";
  const auto begun = std::chrono::steady_clock::now();
  CHECK_FALSE(matches("^(a+)+$", subject));
  CHECK_FALSE(matches("(*NO_JIT)^(a+)+$", subject));
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
}

TEST_CASE("pattern: a long path needs no more than there is") {
  const std::string subject = "/" + std::string(8'000, 'a') + ".php";
  CHECK(matches(R"(\.php$)", subject));
  CHECK(matches(R"(^/(a|b)*\.php$)", subject));
  CHECK(matches(R"(^/.*a.*\.php$)", subject));
  CHECK_FALSE(matches(R"(\.css$)", subject));
}

TEST_CASE("pattern: one pattern serves many threads") {
  const auto pattern = Pattern::compile("^/a+b$", false);
  REQUIRE(pattern.has_value());
  std::vector<int> found(4, 0);
  {
    std::vector<std::jthread> threads;
    for (int& count : found) {
      threads.emplace_back([&pattern, &count] {
        for (int i = 0; i < 1'000; ++i) count += pattern->matches("/aaab") && !pattern->matches("/aaac") ? 1 : 0;
      });
    }
  }
  CHECK(found == std::vector<int>{1'000, 1'000, 1'000, 1'000});
}

TEST_CASE("pattern: who must know can tell a match that was given up from none") {
  const auto wild = Pattern::compile("^(a+)+$", false);
  REQUIRE(wild.has_value());
  const std::string endless = std::string(60, 'a') + "!";
  CHECK(wild->try_match("aaa") == true);
  CHECK(wild->try_match("b") == false);
  CHECK_FALSE(wild->try_match(endless).has_value());
  CHECK_FALSE(wild->matches(endless));
}
