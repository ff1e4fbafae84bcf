// map_request: what a server is told of where a request came from, and what is kept of what others have told.
#include "proxy/request_mapping.h"

#include <doctest/doctest.h>

#include <string>

#include "support/fake_request.h"

using namespace edge;
using namespace edge::test;

namespace {

struct Mapping {
  explicit Mapping(FakeRequest::Headers headers) : fake(loop, "GET", "/a", headers) {}

  /// The values of that name, each with a line end.
  std::string told(std::string_view name) {
    const ForwardRules rules{TargetMapping({RoutePath::Kind::prefix, "/", nullptr}, {}), {}, {}, {}};
    UpstreamRequest asked(fake.request);
    map_request(fake.request, rules, asked);
    std::string values;
    for (const HeaderField& field : asked.headers) {
      if (same_name(field.name, name)) values.append(field.value).append("\n");
    }
    return values;
  }

  Loop loop;
  FakeRequest fake;
};

Address address(const char* text) {
  return *Address::from_ip(text);
}

}  // namespace

TEST_CASE("a client that nobody vouches for is told of by its address, and what it wrote itself is dropped") {
  Mapping mapping({{"Host", "shop.example:81"}, {"X-Forwarded-For", "1.1.1.1"}, {"Forwarded", "for=1.1.1.1"}});
  CHECK(mapping.told("X-Forwarded-For") == "127.0.0.1\n");
  CHECK(mapping.told("Forwarded") == "for=127.0.0.1;proto=http;host=\"shop.example:81\"\n");
  CHECK(mapping.told("X-Forwarded-Host") == "shop.example:81\n");
  CHECK(mapping.told("X-Forwarded-Proto") == "http\n");
  CHECK(mapping.told("X-Forwarded-Port") == "80\n");
  CHECK(mapping.told("Via") == "1.1 edge\n");
}

TEST_CASE("an address of IPv6 is quoted, a unix socket has none, and a host is quoted byte for byte") {
  Mapping mapping({{"Host", "a\"b\\c"}});
  mapping.fake.connection.remote = address("2001:db8::1");
  CHECK(mapping.told("X-Forwarded-For") == "2001:db8::1\n");
  CHECK(mapping.told("Forwarded") == "for=\"[2001:db8::1]\";proto=http;host=\"a\\\"b\\\\c\"\n");
  Mapping local({});
  local.fake.connection.remote = {};
  CHECK(local.told("X-Forwarded-For").empty());
  CHECK(local.told("Forwarded") == "for=unknown;proto=http\n");
}

TEST_CASE("lists that are believed grow by one element, whatever the number of their fields") {
  Mapping usual({{"X-Forwarded-For", "1.1.1.1"}, {"X-Forwarded-For", ""}, {"X-Forwarded-For", "2.2.2.2, 3.3.3.3"}});
  usual.fake.request.forwarded.client = address("3.3.3.3");
  CHECK(usual.told("X-Forwarded-For") == "1.1.1.1, 2.2.2.2, 3.3.3.3, 127.0.0.1\n");
  CHECK(usual.told("Forwarded") == "for=3.3.3.3, for=127.0.0.1;proto=http\n");
  Mapping standard({{"Forwarded", "for=1.1.1.1;proto=https"}, {"Forwarded", "for=\"[::2]\""}});
  standard.fake.request.forwarded.client = address("::2");
  CHECK(standard.told("X-Forwarded-For") == "::2, 127.0.0.1\n");
  CHECK(standard.told("Forwarded") == "for=1.1.1.1;proto=https, for=\"[::2]\", for=127.0.0.1;proto=http\n");
  Mapping no_client({{"X-Forwarded-Proto", "https"}});
  no_client.fake.request.forwarded.https = true;
  CHECK(no_client.told("X-Forwarded-For") == "127.0.0.1\n");
  CHECK(no_client.told("Forwarded") == "for=127.0.0.1;proto=https\n");
}

TEST_CASE("every way that a request came is told") {
  Mapping mapping({{"Via", "1.0 a"}, {"Via", ""}, {"Via", "1.1 b, 2.0 c"}});
  CHECK(mapping.told("Via") == "1.0 a, 1.1 b, 2.0 c, 1.1 edge\n");
  mapping.fake.request.version = HttpVersion::http2;
  CHECK(mapping.told("Via").ends_with(", 2.0 edge\n"));
}
