// What a trusted proxy's word changes in a request: client, scheme, host, ports, variables. And that nobody else's
// does.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/http/forwarded.h"
#include "core/http/template.h"
#include "core/trusted_proxies.h"
#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeRequest;

namespace {

TrustedProxies trust(std::string_view network, bool unix_sockets = false) {
  AddressSet::Builder builder;
  builder.add(*parse_address_range(network));
  return {builder.build(), unix_sockets};
}

std::string render(const Request& request, std::string_view text) {
  std::string to;
  Template::compile(text)->render(request, to);
  return to;
}

constexpr std::string_view kClient = "$remote_addr $remote_port $scheme $https $server_port $host $http_host";

/// Renders kClient after 127.0.0.1:50000 was believed, whose Host is "inside:8080" and whose socket's port is 80.
std::string believed(FakeRequest::Headers headers) {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", headers);
  fake.request.host = "inside";
  fake.add_header("Host", "inside:8080");
  believe_forwarded(fake.request, trust("127.0.0.0/8"));
  return render(fake.request, kClient);
}

}  // namespace

TEST_CASE("believed: client, scheme, host and port") {
  CHECK(believed({}) == "127.0.0.1 50000 http  80 inside inside:8080");
  CHECK(believed({{"X-Forwarded-For", "192.0.2.1:4711"}}) == "192.0.2.1 4711 http  80 inside inside:8080");
  CHECK(believed({{"X-Forwarded-For", "192.0.2.1"}}) == "192.0.2.1  http  80 inside inside:8080");
  CHECK(believed({{"X-Forwarded-For", "unknown"}}) == "127.0.0.1 50000 http  80 inside inside:8080");
  CHECK(believed({{"X-Forwarded-Proto", "https"}}) == "127.0.0.1 50000 https on 443 inside inside:8080");
  CHECK(believed({{"X-Forwarded-Host", "Shop.Example"}}) == "127.0.0.1 50000 http  80 shop.example shop.example");
  CHECK(believed({{"X-Forwarded-Host", "shop.example:81"}}) == "127.0.0.1 50000 http  81 shop.example shop.example:81");
  CHECK(believed({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "shop.example"}}) ==
        "127.0.0.1 50000 https on 443 shop.example shop.example");
  CHECK(
      believed({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "shop.example"}, {"X-Forwarded-Port", "8443"}}) ==
      "127.0.0.1 50000 https on 8443 shop.example shop.example:8443");
  CHECK(believed({{"X-Forwarded-Port", "8443"}}) == "127.0.0.1 50000 http  8443 inside inside:8443");
  CHECK(believed({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Port", "443"}}) ==
        "127.0.0.1 50000 https on 443 inside inside");
  CHECK(believed({{"X-Forwarded-Host", "not a host"}}) == "127.0.0.1 50000 http  80 inside inside:8080");
}

TEST_CASE("believed: plain HTTP to a trusted proxy that is asked over TLS by edge's own door") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", {{"X-Forwarded-Proto", "http"}});
  fake.connection.tls = true;
  believe_forwarded(fake.request, trust("127.0.0.1"));
  CHECK(render(fake.request, kClient) == "127.0.0.1 50000 http  80 example.com ");
}

TEST_CASE("believed: a request without a host gets the one that is told") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", {{"Forwarded", "for=192.0.2.1;host=shop.example"}});
  fake.request.host = "";
  believe_forwarded(fake.request, trust("127.0.0.1"));
  CHECK(render(fake.request, "$host $http_host") == "shop.example shop.example");
  FakeRequest without(loop, "GET", "/", {{"X-Forwarded-Port", "81"}});
  without.request.host = "";
  believe_forwarded(without.request, trust("127.0.0.1"));
  CHECK(without.request.headers.find(HeaderName::host) == nullptr);
}

TEST_CASE("believed: nothing from a peer that is not trusted") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/",
                   {{"X-Forwarded-For", "192.0.2.1"},
                    {"X-Forwarded-Proto", "https"},
                    {"X-Forwarded-Host", "shop.example"},
                    {"X-Forwarded-Port", "8443"},
                    {"Host", "inside"}});
  fake.request.host = "inside";
  believe_forwarded(fake.request, trust("10.0.0.0/8", true));
  CHECK(render(fake.request, kClient) == "127.0.0.1 50000 http  80 inside inside");
}

TEST_CASE("believed: a unix socket only by its own word") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", {{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-Proto", "https"}});
  fake.connection.remote = fake.connection.local = Address{};
  believe_forwarded(fake.request, trust("0.0.0.0/0"));
  CHECK(render(fake.request, kClient) == "unix:  http   example.com ");
  believe_forwarded(fake.request, trust("10.0.0.0/8", true));
  CHECK(render(fake.request, kClient) == "192.0.2.1  https on 443 example.com ");
}

TEST_CASE("believed: the proxy's own address stays known") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", {{"X-Forwarded-For", "192.0.2.1:4711"}});
  believe_forwarded(fake.request, trust("127.0.0.1"));
  CHECK(render(fake.request, "$remote_addr $realip_remote_addr $realip_remote_port") == "192.0.2.1 127.0.0.1 50000");
  FakeRequest direct(loop);
  CHECK(render(direct.request, "$remote_addr $realip_remote_addr $realip_remote_port") == "127.0.0.1 127.0.0.1 50000");
}
