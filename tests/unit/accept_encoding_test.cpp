// Accept-Encoding: what a client writes, and what it gets.
#include "core/http/accept_encoding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/arena.h"

using namespace edge;

namespace {

using Fields = std::vector<std::string>;
constexpr std::array kAll = {Coding::br, Coding::zstd, Coding::gzip};

std::optional<Coding> chosen(const Fields& fields, std::span<const Coding> available = kAll) {
  Arena arena;
  HeaderList headers(arena);
  headers.add(HeaderName::accept, "br");
  for (const std::string& field : fields) headers.add(HeaderName::accept_encoding, field);
  return choose_coding(headers, available);
}

std::string name_of(std::optional<Coding> coding) {
  return coding ? std::string(coding_name(*coding)) : "none";
}

std::string best(const Fields& fields) {
  return name_of(chosen(fields));
}

/// What the RFC's sentences say, from weights by name; 1 where a name has none would be wrong, so each has one.
std::optional<Coding> by_the_rules(const std::map<std::string, int>& weights, std::span<const Coding> available) {
  const auto weight = [&weights](Coding coding) {
    if (const auto at = weights.find(std::string(coding_name(coding))); at != weights.end()) return at->second;
    const auto star = weights.find("*");
    return star == weights.end() ? 0 : star->second;
  };
  std::optional<Coding> found;
  for (const Coding coding : available) {
    if (weight(coding) > (found ? weight(*found) : 0)) found = coding;
  }
  const bool identity_is_said = weights.contains("identity") || weights.contains("*");
  if (identity_is_said && weight(Coding::identity) > (found ? weight(*found) : 0)) return Coding::identity;
  if (!found && !identity_is_said) return Coding::identity;
  return found;
}

std::string weight_text(int thousandths) {
  if (thousandths == 1000) return "1.000";
  const std::string digits = std::to_string(thousandths);
  return "0." + std::string(3 - digits.size(), '0') + digits;
}

}  // namespace

TEST_CASE("the highest weight wins, and of equal ones the server's first") {
  CHECK(best({"gzip, deflate, br, zstd"}) == "br");
  CHECK(best({"zstd, gzip"}) == "zstd");
  CHECK(best({"gzip;q=1.0, br;q=0.5"}) == "gzip");
  CHECK(best({"br;q=0.001, zstd;q=0.002"}) == "zstd");
  CHECK(name_of(chosen({"br, gzip"}, std::array{Coding::gzip, Coding::br})) == "gzip");
  CHECK(name_of(chosen({"br"}, std::array{Coding::gzip})) == "identity");
  CHECK(name_of(chosen({"br"}, {})) == "identity");
  CHECK(name_of(chosen({"*"}, std::array{Coding::identity, Coding::gzip})) == "gzip");
}

TEST_CASE("without the field, or with an empty one, the answer is plain") {
  CHECK(best({}) == "identity");
  CHECK(best({""}) == "identity");
  CHECK(best({" , ,"}) == "identity");
  CHECK(best({"deflate, compress"}) == "identity");
}

TEST_CASE("identity is the last choice unless it is said to be better") {
  CHECK(best({"gzip;q=0.001"}) == "gzip");
  CHECK(best({"identity, gzip"}) == "gzip");
  CHECK(best({"identity;q=1, gzip;q=0.5"}) == "identity");
  CHECK(best({"identity;q=0.5, *;q=0.4"}) == "identity");
  CHECK(best({"gzip;q=0"}) == "identity");
}

TEST_CASE("a client that refuses everything is told so, for the caller to send plain content all the same") {
  CHECK(best({"identity;q=0"}) == "none");
  CHECK(best({"*;q=0"}) == "none");
  CHECK(best({"identity;q=0, deflate"}) == "none");
  CHECK(best({"*;q=0, gzip"}) == "gzip");
  CHECK(best({"*;q=0, identity"}) == "identity");
  CHECK(best({"identity;q=0, gzip;q=0.1"}) == "gzip");
}

TEST_CASE("the asterisk is whatever was not named") {
  CHECK(best({"*"}) == "br");
  CHECK(best({"br;q=0, *"}) == "zstd");
  CHECK(best({"gzip, *;q=0.5"}) == "gzip");
  CHECK(best({"br;q=0.1, *;q=0.2"}) == "zstd");
}

TEST_CASE("names are of any case, x-gzip is gzip, and blanks stand wherever a list has them") {
  CHECK(best({"GZip"}) == "gzip");
  CHECK(best({"X-GZIP"}) == "gzip");
  CHECK(best({"gzip;q=0, x-gzip"}) == "identity");
  CHECK(best({" \tgzip \t; \tQ=0.9\t,, zstd\t;q=0.8"}) == "gzip");
  CHECK(best({"gzip;q=0.5", "br;q=0.6"}) == "br");
}

TEST_CASE("of two weights for one name the lower counts, in whatever order they come") {
  CHECK(best({"gzip, gzip;q=0"}) == "identity");
  CHECK(best({"gzip;q=0, gzip"}) == "identity");
  CHECK(best({"*", "*;q=0"}) == "none");
}

TEST_CASE("what is no well-formed element counts as not written") {
  for (const char* broken : {"gzip;q=1.1",   "gzip;q=2",       "gzip;q=-1", "gzip;q=0.1234",
                             "gzip;q=.5",    "gzip;q=",        "gzip;q",    "gzip;",
                             "gzip;x=1",     "gzip;q=0.5;x=1", "gzip q=1",  "gzip;q=0,5x",
                             "gzip;q=1.001", "gzip;q =1",      "gzip\x01",  "gzip;q=0x1",
                             "g zip",        ";q=1",           "=",         "gzip;q=00",
                             "gzip;q=1.0000"}) {
    CAPTURE(broken);
    CHECK(best({broken}) == "identity");
    CHECK(best({std::string(broken) + ", zstd;q=0.1"}) == "zstd");
  }
  CHECK(best({"gzip;q=0."}) == "identity");
  CHECK(best({"gzip;q=1."}) == "gzip");
}

TEST_CASE("elements beyond the bound are not read") {
  std::string many;
  for (std::size_t i = 0; i + 1 < kMostElements; ++i) many += "x, ,,";
  CHECK(best({many + "gzip"}) == "gzip");
  CHECK(best({many, "gzip"}) == "gzip");
  CHECK(best({many + "x, gzip"}) == "identity");
  CHECK(best({many + "x", "gzip"}) == "identity");
}

TEST_CASE("whatever weights stand in whatever order, case and number of fields, the rules decide") {
  std::minstd_rand random(20'261'121);
  const std::array<std::string, 6> names = {"br", "zstd", "gzip", "identity", "*", "deflate"};
  const std::array<int, 7> weights = {0, 0, 1, 500, 500, 999, 1000};
  for (int round = 0; round < 20'000; ++round) {
    std::map<std::string, int> given;
    for (const std::string& name : names) {
      if (random() % 2 == 0) given[name] = weights[random() % weights.size()];
    }
    std::vector<Coding> available(kAll.begin(), kAll.end());
    std::ranges::shuffle(available, random);
    available.resize(random() % 4);
    std::vector<std::string> elements;
    for (const auto& [name, weight] : given) {
      std::string written = name;
      for (char& c : written) c = random() % 2 == 0 && c >= 'a' ? static_cast<char>(c - 32) : c;
      const bool bare = weight == 1000 && random() % 2 == 0;
      elements.push_back(bare ? written : written + (random() % 2 == 0 ? ";q=" : " ; q=") + weight_text(weight));
    }
    std::ranges::shuffle(elements, random);
    Fields fields(1);
    for (const std::string& element : elements) {
      if (random() % 3 == 0) fields.emplace_back();
      fields.back() += (fields.back().empty() ? "" : ",") + element;
    }
    CAPTURE(fields);
    REQUIRE(name_of(chosen(fields, available)) == name_of(by_the_rules(given, available)));
  }
}
