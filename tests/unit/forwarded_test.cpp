// Forwarded and X-Forwarded-*: who the client is, whose word counts, and what hostile values become.
#include "core/http/forwarded.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/trusted_proxies.h"

using namespace edge;

namespace {

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

TrustedProxies trusted_of(std::initializer_list<std::string_view> texts) {
  AddressSet::Builder builder;
  for (const std::string_view text : texts) builder.add(*parse_address_range(text));
  return {builder.build(), false};
}

/// Every address of 10.0.0.0/8 and 2001:db8:10::/48 is a trusted proxy's. "client https host:port", with "-" for what
/// is not told.
std::string told(Fields fields) {
  static const TrustedProxies trusted = trusted_of({"10.0.0.0/8", "2001:db8:10::/48"});
  Arena arena;
  HeaderList headers(arena);
  for (const auto& [name, value] : fields) headers.add(name, value);
  const Forwarded forwarded = read_forwarded(headers, trusted, arena);
  const bool has_client = forwarded.client.family != Address::Family::none;
  std::string text = has_client ? forwarded.client.text() : "-";
  text += !forwarded.https ? " -" : *forwarded.https ? " https" : " http";
  text.append(" ").append(forwarded.host.empty() ? "-" : forwarded.host);
  return forwarded.port == 0 ? text : text + ":" + std::to_string(forwarded.port);
}

std::string client_of(std::string_view name, std::string_view list) {
  const std::string text = told({{name, list}});
  return text.substr(0, text.find(' '));
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  while (times-- > 0) all.append(text);
  return all;
}

}  // namespace

TEST_CASE("forwarded: nothing is told without the fields") {
  CHECK(told({{"Host", "example.com"}, {"X-Real-IP", "192.0.2.1"}}) == "- - -");
}

TEST_CASE("forwarded: the client is the last address that is no trusted proxy") {
  for (const auto& [list, client] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"192.0.2.1", "192.0.2.1:0"},
           {"192.0.2.1, 10.0.0.2", "192.0.2.1:0"},
           {"192.0.2.1,10.0.0.2,10.0.0.3", "192.0.2.1:0"},
           {"198.51.100.66, 192.0.2.1, 10.0.0.2", "192.0.2.1:0"},  // what the client made up is to the left
           {"10.0.0.9, 192.0.2.1, 10.0.0.2", "192.0.2.1:0"},
           {"10.0.0.1, 10.0.0.2", "10.0.0.1:0"},  // all are trusted
           {"2001:db8::7, 2001:db8:10::1", "[2001:db8::7]:0"},
           {"::ffff:192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1:0"},
           {" , 192.0.2.1 ,, ", "192.0.2.1:0"},
       }) {
    CAPTURE(list);
    CHECK(client_of("X-Forwarded-For", list) == client);
  }
}

TEST_CASE("forwarded: repeated fields are one list") {
  CHECK(told({{"X-Forwarded-For", "198.51.100.66"}, {"X-Forwarded-For", "192.0.2.1"}}) == "192.0.2.1:0 - -");
  CHECK(told({{"X-Forwarded-For", "192.0.2.1"}, {"A", "b"}, {"x-forwarded-for", "10.0.0.2"}}) == "192.0.2.1:0 - -");
  CHECK(told({{"Forwarded", "for=192.0.2.1;proto=https"}, {"Forwarded", ""}, {"Forwarded", "for=10.0.0.2"}}) ==
        "192.0.2.1:0 https -");
}

TEST_CASE("forwarded: an address may have a port") {
  for (const auto& [node, client] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"192.0.2.1:4711", "192.0.2.1:4711"},
           {"[2001:db8::7]:4711", "[2001:db8::7]:4711"},
           {"[2001:db8::7]", "[2001:db8::7]:0"},
           {"2001:db8::7", "[2001:db8::7]:0"},
           {"192.0.2.1:0", "192.0.2.1:0"},
           {"192.0.2.1:_hidden", "192.0.2.1:0"},
       }) {
    CAPTURE(node);
    CHECK(client_of("X-Forwarded-For", node) == client);
    CHECK(client_of("Forwarded", "for=\"" + std::string(node) + "\"") == client);
    CHECK(client_of("Forwarded", "for=" + std::string(node)) == client);
  }
}

TEST_CASE("forwarded: what no address can be read from ends the walk") {
  for (const char* node : {"unknown",
                           "_hidden",
                           "unix:",
                           "localhost",
                           "192.0.2",
                           "192.0.2.256",
                           "192.0.2.1:65536",
                           "192.0.2.1:x",
                           "192.0.2.1:",
                           "192.0.2.1x",
                           "[192.0.2.1]",
                           "[2001:db8::7",
                           "[2001:db8::7]x",
                           "[2001:db8::7]:",
                           "[]",
                           "[",
                           "]",
                           ":80",
                           "2001:db8::7::",
                           "fe80::1%lo",
                           "192.0.2.1 192.0.2.2",
                           "-"}) {
    CAPTURE(node);
    const std::string list = std::string("192.0.2.9, ") + node;
    CHECK(client_of("X-Forwarded-For", list) == "-");
    CHECK(client_of("X-Forwarded-For", list + ", 10.0.0.2") == "10.0.0.2:0");
    CHECK(client_of("Forwarded", "for=192.0.2.9, for=\"" + std::string(node) + "\", for=10.0.0.2") == "10.0.0.2:0");
  }
  const std::string with_nul("192.0.2.1\0", 10);
  CHECK(client_of("X-Forwarded-For", with_nul) == "-");
}

TEST_CASE("forwarded: at most 64 proxies are gone through") {
  CHECK(client_of("X-Forwarded-For", "192.0.2.1" + repeated(", 10.0.0.2", 63)) == "192.0.2.1:0");
  CHECK(client_of("X-Forwarded-For", "192.0.2.1" + repeated(", 10.0.0.2", 64)) == "10.0.0.2:0");
  CHECK(client_of("Forwarded", "for=192.0.2.1" + repeated(", for=10.0.0.2", 63)) == "192.0.2.1:0");
  CHECK(client_of("Forwarded", "for=192.0.2.1" + repeated(", for=10.0.0.2", 64)) == "10.0.0.2:0");
}

TEST_CASE("forwarded: scheme, host and port of X-Forwarded-* are the nearest proxy's word") {
  CHECK(told({{"X-Forwarded-Proto", "https"}}) == "- https -");
  CHECK(told({{"X-Forwarded-Proto", "HTTP"}}) == "- http -");
  CHECK(told({{"X-Forwarded-Proto", "https, http"}}) == "- http -");
  CHECK(told({{"X-Forwarded-Proto", "http"}, {"X-Forwarded-Proto", "https"}}) == "- https -");
  CHECK(told({{"X-Forwarded-Host", "Shop.Example"}}) == "- - shop.example");
  CHECK(told({{"X-Forwarded-Host", "evil.example, shop.example:8443"}}) == "- - shop.example:8443");
  CHECK(told({{"X-Forwarded-Host", "[::1]:8443"}}) == "- - [::1]:8443");
  CHECK(told({{"X-Forwarded-Host", "[::1]"}}) == "- - [::1]");
  CHECK(told({{"X-Forwarded-Host", "shop.example:8443"}, {"X-Forwarded-Port", "443"}}) == "- - shop.example:443");
  CHECK(told({{"X-Forwarded-Port", "1, 8443"}}) == "- - -:8443");
}

TEST_CASE("forwarded: scheme, host and port that mean nothing are ignored") {
  for (const char* scheme : {"", "ftp", "https:", "https\"", "on", "javascript"}) {
    CAPTURE(scheme);
    CHECK(told({{"X-Forwarded-Proto", scheme}, {"X-Forwarded-For", "192.0.2.1"}}) == "192.0.2.1:0 - -");
  }
  for (const char* host :
       {"", "a b", "a/b", "a@b", "http://a", "a:99999", "a:b", ".", "a..b", "[::1", "\"a\"", "a<b"}) {
    CAPTURE(host);
    CHECK(told({{"X-Forwarded-Host", host}, {"X-Forwarded-For", "192.0.2.1"}}) == "192.0.2.1:0 - -");
    CHECK(told({{"Forwarded", "for=192.0.2.1;host=\"" + std::string(host) + "\""}}).ends_with(" - -"));
  }
  for (const char* port : {"", "0", "65536", "-1", "+80", "80x", "0x50", "99999999999999999999"}) {
    CAPTURE(port);
    CHECK(told({{"X-Forwarded-Port", port}, {"X-Forwarded-Host", "a:81"}}) == "- - a:81");
  }
}

TEST_CASE("forwarded: Forwarded tells it all in one, each element by the proxy that wrote it") {
  CHECK(told({{"Forwarded", "for=192.0.2.1;proto=https;host=shop.example;by=203.0.113.43"}}) ==
        "192.0.2.1:0 https shop.example");
  CHECK(told({{"Forwarded", "For=\"[2001:db8::7]:4711\"; Proto=HTTPS ; HOST=\"shop.example:8443\""}}) ==
        "[2001:db8::7]:4711 https shop.example:8443");
  CHECK(told({{"Forwarded", "for=192.0.2.1;proto=https;host=a, for=10.0.0.2;proto=http;host=b"}}) ==
        "192.0.2.1:0 https a");
  CHECK(told({{"Forwarded", "for=192.0.2.1, for=10.0.0.2;proto=http;host=b:81"}}) == "192.0.2.1:0 http b:81");
  CHECK(told({{"Forwarded", "for=192.0.2.9;proto=http;host=evil, for=192.0.2.1;proto=https"}}) ==
        "192.0.2.1:0 https -");
  CHECK(told({{"Forwarded", "for=unknown;proto=https;host=a"}}) == "- https a");
  CHECK(told({{"Forwarded", "proto=https"}}) == "- https -");
  CHECK(told({{"Forwarded", "for=192.0.2.1;ext=\"a, b;c=d\""}}) == "192.0.2.1:0 - -");
}

TEST_CASE("forwarded: an element that is malformed says nothing, and nothing before it counts") {
  for (const char* element : {"for", "=", "for=192.0.2.1;for=192.0.2.2", "for=192.0.2.1;proto=https;proto=http",
                              "for=\"192.0.2.1", "for=192.0.2.1\"", "for=\"192.0.2.1\"x", "for=\"192.0.2.\\1\"",
                              "for=192.0.2.1;host", "for=192.0.2.1;x=\"", "for=192.0.2.1 proto=https", "192.0.2.1"}) {
    CAPTURE(element);
    CHECK(told({{"Forwarded", "for=192.0.2.9;proto=http, " + std::string(element)}}).starts_with("- "));
    CHECK(told({{"Forwarded", std::string(element) + ", for=10.0.0.2"}}).starts_with("10.0.0.2:0 "));
  }
}

TEST_CASE("forwarded: quotes that a client leaves open do not swallow what a proxy adds") {
  for (const char* made_up :
       {"for=\"", "for=\"198.51.100.66", "for=198.51.100.66;x=\"\\", "\"", "for=\"a\\\"", "\\\\\""}) {
    CAPTURE(made_up);
    CHECK(client_of("Forwarded", std::string(made_up) + ", for=192.0.2.1") == "192.0.2.1:0");
    CHECK(client_of("Forwarded", std::string(made_up) + ", for=\"192.0.2.1:80\", for=10.0.0.2") == "192.0.2.1:80");
    CHECK(client_of("X-Forwarded-For", std::string(made_up) + ", 192.0.2.1") == "192.0.2.1:0");
  }
  CHECK(client_of("Forwarded", "for=198.51.100.66, for=192.0.2.1;x=\"a\\\", \\\\\"") == "192.0.2.1:0");
}

TEST_CASE("forwarded: one family is read: Forwarded counts only without any X-Forwarded-*") {
  constexpr std::string_view kMadeUp = "for=198.51.100.66;proto=https;host=evil.example";
  CHECK(told({{"Forwarded", kMadeUp}}) == "198.51.100.66:0 https evil.example");
  CHECK(told({{"Forwarded", kMadeUp}, {"X-Forwarded-For", "192.0.2.1"}}) == "192.0.2.1:0 - -");
  CHECK(told({{"Forwarded", kMadeUp}, {"X-Forwarded-Proto", "http"}}) == "- http -");
  CHECK(told({{"Forwarded", kMadeUp}, {"X-Forwarded-Host", "shop.example"}}) == "- - shop.example");
  CHECK(told({{"Forwarded", kMadeUp}, {"X-Forwarded-Port", "81"}}) == "- - -:81");
}
