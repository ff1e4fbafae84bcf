// basic_credentials(): what counts as name and password, and what as nothing.
#include "core/http/basic_credentials.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace edge;

namespace {

/// "name|password", or "nothing".
std::string read(const std::vector<std::string_view>& fields) {
  Arena arena;
  HeaderList headers(arena);
  for (const std::string_view field : fields) headers.add(HeaderName::authorization, field);
  const auto found = basic_credentials(headers, arena);
  return found ? std::string(found->name).append("|").append(found->password) : "nothing";
}

}  // namespace

TEST_CASE("basic credentials: name up to the first colon, all else is the password") {
  CHECK(read({"Basic YWRhOnNlY3JldA=="}) == "ada|secret");
  CHECK(read({"bAsIc   YWRhOnNlY3JldA"}) == "ada|secret");
  CHECK(read({"Basic YWRhOg=="}) == "ada|");
  CHECK(read({"Basic YWRhOmE6Yg=="}) == "ada|a:b");
  CHECK(read({"Basic w6TDtjrigqw="}) == "\xc3\xa4\xc3\xb6|\xe2\x82\xac");
}

TEST_CASE("basic credentials: what is malformed is nothing") {
  for (const char* broken : {"", "Basic", "Basic ", "Basic    ", "Basic YWRh", "Basic !!!!", "Basic OnNlY3JldA==",
                             "Bearer YWRhOg==", "Basic YWR!hOg==", "Basic YWRhOnNl=Y3JldA", "BasicYWRhOg=="}) {
    CAPTURE(broken);
    CHECK(read({broken}) == "nothing");
  }
  CHECK(read({}) == "nothing");
}

TEST_CASE("basic credentials: of two fields nobody could tell which counts") {
  CHECK(read({"Basic YWRhOnNlY3JldA==", "Basic YWRhOnNlY3JldA=="}) == "nothing");
}
