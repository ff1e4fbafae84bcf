// Documents: positions, aliases and their bounds; what text the parser must survive.
#include "config/document.h"

#include <doctest/doctest.h>

#include <string>

namespace edge::config {
namespace {

std::optional<std::string> no_variables(const std::string&) {
  return std::nullopt;
}

struct Parsed {
  NodePtr root;
  std::string problems;
};

Parsed parse(const std::string& text, const Environment& environment = no_variables) {
  Problems problems;
  Parsed result;
  result.root = parse_document(text, "a.yaml", environment, problems);
  for (const Problem& problem : problems.sorted()) result.problems += problem.text() + "\n";
  return result;
}

std::string at(const Place& place) {
  return place.text();
}

}  // namespace

TEST_CASE("every node knows its place, columns counting characters") {
  const Parsed parsed = parse("a: [b, \"\xc3\xa9\", c]\nd:\n  e: f\ng:\n");
  REQUIRE(parsed.root);
  CHECK(parsed.problems.empty());
  const Node& list = *parsed.root->find_entry("a")->value;
  CHECK(at(list.place) == "a.yaml:1:4");
  CHECK(at(list.items[1]->place) == "a.yaml:1:8");
  CHECK(at(list.items[2]->place) == "a.yaml:1:13");
  CHECK(at(parsed.root->find_entry("d")->place) == "a.yaml:2:1");
  CHECK(at(parsed.root->find_entry("d")->value->find_entry("e")->value->place) == "a.yaml:3:6");
  CHECK(parsed.root->find_entry("g")->value->kind == Node::Kind::null);
  CHECK(at(parsed.root->find_entry("g")->value->place) == "a.yaml:4:1");
  CHECK(parsed.root->find_entry("x") == nullptr);
}

TEST_CASE("places inside a text are exact when the text stands there as it is") {
  const Parsed parsed =
      parse("a: p\xc3\xa9q\nb: 'in quotes'\nc: \"tab\\tx\"\nd: two\n  lines\ne: |\n  block\nf: ${X}y\n",
            [](const std::string&) { return std::optional<std::string>("value"); });
  REQUIRE(parsed.root);
  const auto place = [&](const char* key, std::size_t offset) {
    return at(parsed.root->find_entry(key)->value->place_in_text(offset));
  };
  CHECK(place("a", 3) == "a.yaml:1:6");
  CHECK(place("b", 3) == "a.yaml:2:8");
  CHECK(place("c", 3) == "a.yaml:3:4");
  CHECK(place("d", 5) == "a.yaml:4:4");
  CHECK(place("e", 2) == "a.yaml:6:4");
  CHECK(place("f", 5) == "a.yaml:8:4");
  CHECK(parsed.root->find_entry("f")->value->text == "valuey");
}

TEST_CASE("a byte order mark and Windows line ends are taken") {
  const Parsed parsed = parse(
      "\xef\xbb\xbf"
      "a: b\r\nc: d\r\n");
  REQUIRE(parsed.root);
  CHECK(parsed.root->find_entry("a")->value->text == "b");
  CHECK(at(parsed.root->find_entry("c")->value->place) == "a.yaml:2:4");
  CHECK(parsed.root->find_entry("c")->value->text == "d");
}

TEST_CASE("an alias shares what its anchor names") {
  const Parsed parsed = parse("a: &x [1, 2]\nb: *x\n");
  REQUIRE(parsed.root);
  CHECK(parsed.root->find_entry("a")->value == parsed.root->find_entry("b")->value);
}

TEST_CASE("aliases that would expand without end are refused") {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 8; ++i) {
    const std::string inner = "*a" + std::to_string(i - 1);
    std::string list = inner;
    for (int copy = 1; copy < 10; ++copy) list += ", " + inner;
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + list + "]\n";
  }
  const Parsed parsed = parse(laughs);
  CHECK_FALSE(parsed.root);
  CHECK(parsed.problems ==
        "a.yaml:5:45: not valid YAML: with its aliases written out it holds more than 100000 values\n");
}

TEST_CASE("depth is bounded, also through aliases") {
  const std::string deepest = std::string(kMostDocumentDepth, '[') + std::string(kMostDocumentDepth, ']');
  CHECK(parse(deepest).root);
  CHECK(parse("[" + deepest + "]").problems.find("nested more than 64 levels deep") != std::string::npos);
  CHECK(parse(std::string(10'000, '[') + std::string(10'000, ']')).problems.find("nested more than 64 levels deep") !=
        std::string::npos);
  CHECK_FALSE(parse(std::string(100'000, '[')).root);
  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 80; ++i) {
    chain += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  }
  CHECK(parse(chain).problems.find("nested more than 64 levels deep") != std::string::npos);
}

TEST_CASE("size is bounded") {
  CHECK(parse("a: " + std::string(kMostDocumentBytes, 'b')).problems == "a.yaml: is larger than 1048576 bytes\n");
}

TEST_CASE("a key given twice is told with both places, and the first one holds") {
  const Parsed parsed = parse("a: {b: 1, c: 2, b: {d: 3, d: 4}}\n");
  REQUIRE(parsed.root);
  CHECK(parsed.root->find_entry("a")->value->find_entry("b")->value->text == "1");
  CHECK(parsed.problems ==
        "a.yaml:1:17: a.b: is given twice; first at a.yaml:1:5; keep one\n"
        "a.yaml:1:27: a.b.d: is given twice; first at a.yaml:1:21; keep one\n");
}

TEST_CASE("a quote that is never closed is refused") {
  for (const char* text : {"a: \"b\n", "a: 'b\nc: d\n", "a: \"b\\\"\n", "a: 'it''s\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse(text).root);
    CHECK_FALSE(parse(text).problems.empty());
  }
  CHECK(parse("a: 'it''s'\nb: \"\\\"\"\nc: it's\n").root);
}

}  // namespace edge::config
