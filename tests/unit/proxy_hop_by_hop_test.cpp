// remove_hop_by_hop: what concerns one connection goes, also what Connection names, and nothing else.
#include "proxy/hop_by_hop.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <utility>

using namespace edge;

namespace {

std::string left_of(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  Arena arena;
  HeaderList headers(arena);
  for (const auto& [name, value] : fields) headers.add(name, value);
  remove_hop_by_hop(headers);
  std::string left;
  for (const HeaderField& field : headers) left.append(field.name).append("=").append(field.value).append(" ");
  return left;
}

}  // namespace

TEST_CASE("fields of one connection are removed, whatever their case") {
  CHECK(left_of({}).empty());
  CHECK(left_of({{"A", "1"}, {"B", "2"}}) == "A=1 B=2 ");
  CHECK(left_of({{"connection", "close"},
                 {"A", "1"},
                 {"KEEP-ALIVE", "timeout=5"},
                 {"Proxy-Connection", "keep-alive"},
                 {"TE", "trailers"},
                 {"Trailer", "X"},
                 {"Transfer-Encoding", "chunked"},
                 {"Upgrade", "h2c"},
                 {"Proxy-Authenticate", "Basic"},
                 {"B", "2"}}) == "A=1 Proxy-Authenticate=Basic B=2 ");
}

TEST_CASE("what any Connection field names is removed everywhere") {
  CHECK(left_of({{"X-A", "1"}, {"Connection", ", x-a ,,\tX-B"}, {"x-b", "2"}, {"X-A", "3"}, {"X-C", "4"}}) == "X-C=4 ");
  CHECK(left_of({{"Connection", "x-a"}, {"X-A", "1"}, {"Connection", "Keep-Alive, Age"}, {"Age", "7"}, {"X", "1"}}) ==
        "X=1 ");
  CHECK(left_of({{"Connection", ""}, {"X-A", "1"}}) == "X-A=1 ");
}
