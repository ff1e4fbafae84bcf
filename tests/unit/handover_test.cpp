// What an edge that is upgraded tells its successor, and the other way.
#include "cmd/handover.h"

#include <doctest/doctest.h>

using namespace edge;

TEST_CASE("a handover is read as it was written, whatever bytes a path has") {
  const Handover given{.from = 4711, .activated = 2, .parts = {{"127.0.0.1:80", 4}, {"unix:/a \"\n\xc3\xa9.sock", 1}}};
  const std::optional<Handover> read = Handover::parse(given.text());
  REQUIRE(read);
  CHECK(read->from == 4711);
  CHECK(read->activated == 2);
  CHECK(read->parts == given.parts);
}

TEST_CASE("what is no handover is none") {
  const char* const texts[] = {"",
                               "1",
                               "[]",
                               "{}",
                               "{\"from\":1",
                               R"({"from":1,"activated":0})",
                               R"({"from":"1","activated":0,"parts":[]})",
                               R"({"from":1,"activated":0,"parts":[["a"]]})",
                               R"({"from":1,"activated":0,"parts":[["a",-1]]})",
                               R"({"from":1,"activated":0,"parts":[["a",99999999]]})",
                               R"({"from":1,"activated":-1,"parts":[]})",
                               R"({"from":0,"activated":0,"parts":[]})",
                               R"({"from":1,"activated":0,"parts":{"a":1}})"};
  for (const char* const text : texts) {
    CAPTURE(text);
    CHECK_FALSE(Handover::parse(text));
  }
}

TEST_CASE("the successor names the parts that it has taken") {
  CHECK(Handover::ready_line({}) == "\x01ready");
  CHECK(Handover::ready_line({0, 12, 3}) == "\x01ready 0 12 3");
  CHECK(Handover::taken_in(Handover::ready_line({0, 12, 3})) == std::vector<std::size_t>{0, 12, 3});
  CHECK(Handover::taken_in(Handover::ready_line({})).empty());
  CHECK(Handover::taken_in("\x01ready 1 x 2") == std::vector<std::size_t>{1});
  CHECK(Handover::taken_in("\x01ready  ").empty());
}
