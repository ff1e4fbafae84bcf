// Address: text and sockaddr, both ways, and what an error says.
#include "core/address.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <string>

using namespace edge;

namespace {

std::string why_not(std::string_view text) {
  const Result<Address> parsed = Address::parse(text);
  return parsed ? "accepted as " + parsed->text() : parsed.error().context;
}

std::string ip_of(const Address& address) {
  std::array<char, 46> buffer{};
  return std::string(address.ip_text(buffer.data()));
}

Address through_sockaddr(const Address& address) {
  sockaddr_storage storage{};
  address.to_sockaddr(storage);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage));
}

}  // namespace

TEST_CASE("an address survives text and sockaddr") {
  for (const char* text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "1.20.103.4:8080", "[::1]:80",
                           "[2001:db8::a:0:1]:443", "[::]:80"}) {
    CAPTURE(text);
    const Result<Address> parsed = Address::parse(text);
    REQUIRE(parsed);
    CHECK(parsed->text() == text);
    CHECK(through_sockaddr(*parsed) == *parsed);
  }
}

TEST_CASE("a port alone is every address of both versions") {
  const Result<Address> parsed = Address::parse(":80");
  REQUIRE(parsed);
  CHECK(*parsed == *Address::parse("[::]:80"));
  sockaddr_storage storage{};
  CHECK(parsed->to_sockaddr(storage) == sizeof(sockaddr_in6));
  CHECK(storage.ss_family == AF_INET6);
}

TEST_CASE("an IPv4 address inside IPv6 is that IPv4 address") {
  CHECK(*Address::parse("[::ffff:192.0.2.7]:80") == *Address::parse("192.0.2.7:80"));
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(4711);
  REQUIRE(inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr) == 1);
  const Address address = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&mapped));
  CHECK(address.family == Address::Family::ipv4);
  CHECK(ip_of(address) == "192.0.2.7");
  CHECK(address.port == 4711);
}

TEST_CASE("a unix socket has no address") {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  const Address address = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&local));
  CHECK(address.family == Address::Family::none);
  CHECK(ip_of(address) == "unix:");
  CHECK(address.text() == "unix:");
  sockaddr_storage storage{};
  CHECK(address.to_sockaddr(storage) == 0);
}

TEST_CASE("what is no address is refused with what was expected") {
  for (const char* text : {"",
                           ":",
                           "80",
                           "localhost:80",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "127.0.0.1:-1",
                           "127.0.0.1: 80",
                           "127.0.0.1:80 ",
                           "127.0.0:80",
                           "0127.0.0.1:80",
                           "::1:80",
                           "[::1]",
                           "[::1:80",
                           "::1]:80",
                           "[]:80",
                           "[127.0.0.1]:80",
                           "[::1]x:80",
                           "[fe80::1%lo]:80",
                           "256.0.0.1:80"}) {
    CAPTURE(text);
    CHECK(why_not(text).find("expected \"127.0.0.1:80\", \"[::1]:80\" or \":80\"") != std::string::npos);
  }
  CHECK(why_not(std::string_view("127.0.0.1\0x:80", 14)).find("no IP address") != std::string::npos);
  CHECK(why_not("8080").find("colon before it") != std::string::npos);
  CHECK(why_not("::1:80").find("brackets") != std::string::npos);
  CHECK(why_not("[::1]").find("port is missing") != std::string::npos);
  CHECK(why_not("127.0.0.1:99999").find("0 to 65535") != std::string::npos);
}

TEST_CASE("an address alone is text without port and brackets") {
  for (const char* text : {"127.0.0.1", "255.255.255.255", "::", "2001:db8::1"}) {
    CAPTURE(text);
    const std::optional<Address> address = Address::from_ip(text);
    REQUIRE(address);
    CHECK(ip_of(*address) == text);
    CHECK(address->port == 0);
  }
  CHECK(Address::from_ip("::ffff:192.0.2.7") == Address::from_ip("192.0.2.7"));
  for (const std::string_view text :
       {std::string_view(""), std::string_view("127.0.0.1:80"), std::string_view("[::1]"), std::string_view("127.1"),
        std::string_view("::1%lo"), std::string_view("127.0.0.1\0", 10), std::string_view("unix:")}) {
    CAPTURE(text);
    CHECK_FALSE(Address::from_ip(text));
  }
}
