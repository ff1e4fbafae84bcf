// AddressSet: what is in it, against a list that is looked through; and how a network must be written.
#include "core/address_set.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace edge;

namespace {

Address ip(std::string_view text) {
  const std::optional<Address> address = Address::from_ip(text);
  REQUIRE_MESSAGE(address, text);
  return *address;
}

AddressSet set_of(std::initializer_list<std::string_view> texts) {
  AddressSet::Builder builder;
  for (const std::string_view text : texts) {
    const Result<AddressRange> range = parse_address_range(text);
    REQUIRE_MESSAGE(range, text);
    builder.add(*range);
  }
  return builder.build();
}

std::string why_not(std::string_view text) {
  const Result<AddressRange> range = parse_address_range(text);
  if (!range) return range.error().context;
  std::array<char, 46> buffer{};
  return "accepted as " + std::string(range->network.ip_text(buffer.data())) + "/" + std::to_string(range->prefix);
}

bool bit_at(const Address& address, unsigned bit) {
  return (address.bytes[bit / 8] >> (7 - bit % 8) & 1U) != 0;
}

/// Bit by bit, as the words "the first `prefix` bits are the same" have it.
bool is_in(const AddressRange& range, const Address& address) {
  if (range.network.family != address.family) return false;
  for (unsigned bit = 0; bit < range.prefix; ++bit) {
    if (bit_at(range.network, bit) != bit_at(address, bit)) return false;
  }
  return true;
}

/// Random addresses that meet often: most bytes are one of a few, at both ends of their range.
class RandomAddresses {
 public:
  explicit RandomAddresses(unsigned seed) : random_(seed) {}

  Address next(Address::Family family) {
    Address address;
    address.family = family;
    const std::size_t size = family == Address::Family::ipv4 ? 4 : 16;
    for (std::size_t i = 0; i < size; ++i) address.bytes[i] = byte();
    if (family == Address::Family::ipv6) address.bytes[0] |= 0x20;  // no IPv4-mapped one
    return address;
  }
  AddressRange range(Address::Family family) {
    const unsigned bits = family == Address::Family::ipv4 ? 32 : 128;
    AddressRange range{next(family), static_cast<std::uint8_t>(bits - below(below(4) == 0 ? bits - 2 : 12))};
    for (unsigned bit = range.prefix; bit < bits; ++bit) {
      range.network.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
    }
    return range;
  }
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

 private:
  std::uint8_t byte() {
    constexpr std::array<std::uint8_t, 6> kUsual = {0, 1, 127, 128, 254, 255};
    return static_cast<std::uint8_t>(below(3) == 0 ? below(256) : kUsual[below(kUsual.size())]);
  }
  std::mt19937 random_;
};

/// Its neighbours are what an error by one would confuse it with.
Address beside(Address address, int step) {
  const std::size_t size = address.family == Address::Family::ipv4 ? 4 : 16;
  const std::uint8_t over = step > 0 ? 0 : 255;
  for (std::size_t i = size; i-- > 0;) {
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] + step);
    if (address.bytes[i] != over) break;
  }
  return address;
}

void compare_with_list(unsigned seed, Address::Family family, std::size_t entries) {
  RandomAddresses random(seed);
  std::vector<AddressRange> list;
  AddressSet::Builder builder;
  for (std::size_t i = 0; i < entries; ++i) builder.add(list.emplace_back(random.range(family)));
  const AddressSet set = builder.build();
  const auto is_listed = [&](const Address& address) {
    for (const AddressRange& range : list) {
      if (is_in(range, address)) return true;
    }
    return false;
  };
  for (int i = 0; i < 2000; ++i) {
    const Address& edge_of_one = list[random.below(static_cast<unsigned>(entries))].network;
    for (const Address& address : {random.next(family), edge_of_one, beside(edge_of_one, -1), beside(edge_of_one, 1)}) {
      CAPTURE(address.text());
      REQUIRE(set.contains(address) == is_listed(address));
    }
  }
}

}  // namespace

TEST_CASE("address set: single addresses and networks of both versions") {
  const AddressSet set = set_of({"203.0.113.7", "10.0.0.0/8", "2001:db8::/32", "::1"});
  for (const char* text : {"203.0.113.7", "10.0.0.0", "10.255.255.255", "2001:db8::", "2001:db8:ffff::1", "::1"}) {
    CAPTURE(text);
    CHECK(set.contains(ip(text)));
  }
  for (const char* text : {"203.0.113.6", "203.0.113.8", "9.255.255.255", "11.0.0.0",
                           "2001:db7:ffff::", "2001:db9::", "::", "::2", "::a00:1"}) {
    CAPTURE(text);
    CHECK_FALSE(set.contains(ip(text)));
  }
}

TEST_CASE("address set: without a family nothing is in it, and nothing is in an empty one") {
  const AddressSet all = set_of({"0.0.0.0/0", "::/0"});
  CHECK_FALSE(all.contains(Address{}));
  CHECK(all.contains(ip("255.255.255.255")));
  CHECK(all.contains(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
  CHECK_FALSE(AddressSet().contains(ip("127.0.0.1")));
  CHECK_FALSE(AddressSet::Builder().build().contains(ip("::1")));
}

TEST_CASE("address set: the port does not count, and IPv4 inside IPv6 is IPv4") {
  const AddressSet set = set_of({"::ffff:192.0.2.0/120", "::/1"});
  CHECK(set.contains(*Address::parse("192.0.2.7:4711")));
  CHECK(set.contains(*Address::parse("[::ffff:192.0.2.7]:0")));
  CHECK_FALSE(set.contains(ip("192.0.3.0")));
  CHECK(set.contains(ip("::ffff:0:1")) == false);  // 0.0.0.1: no IPv6 network holds IPv4
}

TEST_CASE("address set: overlapping and touching networks are one, whatever their order") {
  const AddressSet set = set_of({"10.1.2.3", "10.1.0.0/17", "10.1.128.0/17", "10.0.0.0/16", "10.1.2.0/24"});
  CHECK(set.contains(ip("10.0.0.0")));
  CHECK(set.contains(ip("10.1.127.255")));
  CHECK(set.contains(ip("10.1.255.255")));
  CHECK_FALSE(set.contains(ip("10.2.0.0")));
  CHECK(set.bytes() == sizeof(Interval<std::uint32_t>));
}

TEST_CASE("address set: it holds what a list of the same networks holds") {
  for (unsigned seed = 0; seed < 3; ++seed) {
    for (const std::size_t entries : {std::size_t{1}, std::size_t{100}, std::size_t{1500}}) {
      CAPTURE(seed);
      CAPTURE(entries);
      compare_with_list(seed, Address::Family::ipv4, entries);
      compare_with_list(seed, Address::Family::ipv6, entries);
    }
  }
}

TEST_CASE("address set: networks as wide as everything, among many") {
  AddressSet::Builder builder;
  for (unsigned i = 0; i < 1000; ++i) {
    Address address = ip("192.0.0.1");
    address.bytes[1] = static_cast<std::uint8_t>(i / 100);
    address.bytes[2] = static_cast<std::uint8_t>(i % 100 * 2);
    builder.add({address, 32});
  }
  builder.add(*parse_address_range("0.0.0.0/1"));
  builder.add(*parse_address_range("224.0.0.0/3"));
  const AddressSet set = builder.build();
  for (const char* text :
       {"0.0.0.0", "1.2.3.4", "127.255.255.255", "192.0.0.1", "192.9.198.1", "224.0.0.0", "255.255.255.255"}) {
    CAPTURE(text);
    CHECK(set.contains(ip(text)));
  }
  for (const char* text : {"128.0.0.0", "192.0.0.0", "192.9.198.2", "223.255.255.255"}) {
    CAPTURE(text);
    CHECK_FALSE(set.contains(ip(text)));
  }
}

TEST_CASE("address set: a million addresses stay within their memory") {
  AddressSet::Builder builder;
  std::mt19937 random(1);
  Address four;
  four.family = Address::Family::ipv4;
  for (unsigned i = 0; i < 1'000'000; ++i) {
    for (std::size_t byte = 0; byte < 4; ++byte) four.bytes[byte] = static_cast<std::uint8_t>(random());
    builder.add({four, 32});
  }
  const AddressSet set = builder.build();
  CHECK(set.contains(four));
  CHECK(set.bytes() <= 6'000'000);
}

TEST_CASE("address set: a million addresses of IPv6 stay within their memory") {
  AddressSet::Builder builder;
  std::mt19937 random(1);
  Address six;
  six.family = Address::Family::ipv6;
  for (unsigned i = 0; i < 1'000'000; ++i) {
    for (std::uint8_t& byte : six.bytes) byte = static_cast<std::uint8_t>(random());
    builder.add({six, 128});
  }
  const AddressSet set = builder.build();
  CHECK(set.contains(six));
  six.bytes[15] ^= 1;
  CHECK_FALSE(set.contains(six));
  CHECK(set.bytes() <= 33'000'000);
}

TEST_CASE("address set: a network that is written wrong") {
  CHECK(why_not("10.0.0.1/8") == "\"10.0.0.1/8\" has bits set behind its prefix; did you mean \"10.0.0.0/8\"?");
  CHECK(why_not("2001:db8::1/32") ==
        "\"2001:db8::1/32\" has bits set behind its prefix; did you mean \"2001:db8::/32\"?");
  CHECK(why_not("::ffff:10.0.0.1/104") ==
        "\"::ffff:10.0.0.1/104\" has bits set behind its prefix; did you mean \"10.0.0.0/8\"?");
  CHECK(why_not("::ffff:0:0/95") ==
        "\"::ffff:0:0/95\" is wider than IPv4-mapped IPv6, which is ::ffff:0:0/96; give 0.0.0.0/0");
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/+8", "10.0.0.0/8/8"}) {
    CAPTURE(text);
    CHECK(why_not(text).ends_with("has no valid prefix: expected a number from 0 to 32"));
  }
  CHECK(why_not("::/129").ends_with("has no valid prefix: expected a number from 0 to 128"));
  for (const char* text : {"", "/8", "10.0.0/8", "10.0.0.256", "localhost", "10.0.0.1:80", "[::1]", "::g",
                           "10.0.0.0 /8", "fe80::1%eth0", "unix:", "010.0.0.1"}) {
    CAPTURE(text);
    CHECK(
        why_not(text).ends_with("is no address or network; expected \"203.0.113.7\", \"10.0.0.0/8\" or "
                                "\"2001:db8::/32\""));
  }
}
