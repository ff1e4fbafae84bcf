// Which addresses are denied where networks lie in each other, against a list that is looked through; and lists as
// files hold them.
#include <doctest/doctest.h>

#include <initializer_list>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/access_rules.h"
#include "core/address_list.h"

using namespace edge;

namespace {

Address ip(std::string_view text) {
  const std::optional<Address> address = Address::from_ip(text);
  REQUIRE_MESSAGE(address, text);
  return *address;
}

AddressRange range_of(std::string_view text) {
  const Result<AddressRange> range = parse_address_range(text);
  REQUIRE_MESSAGE(range, text);
  return *range;
}

using Texts = std::initializer_list<std::string_view>;

AccessRules allowing(Texts allow, Texts deny) {
  AddressSet::Builder builder;
  for (const std::string_view text : allow) builder.add(range_of(text));
  for (const std::string_view text : deny) builder.take_out(range_of(text));
  return AccessRules::allowing(builder.build());
}

std::string fault_of(std::string_view text) {
  std::vector<AddressRange> ranges;
  const auto parsed = parse_address_list(text, ranges);
  if (parsed) return "accepted";
  return std::to_string(parsed.error().line) + ":" + std::to_string(parsed.error().column) + " " +
         parsed.error().message;
}

bool lies_in(const AddressRange& range, const Address& address) {
  for (unsigned bit = 0; bit < range.prefix; ++bit) {
    const auto differ = static_cast<unsigned>(range.network.bytes[bit / 8] ^ address.bytes[bit / 8]);
    if ((differ >> (7 - bit % 8) & 1U) != 0) return false;
  }
  return range.network.family == address.family;
}

/// The longest prefix, of equal ones that which takes out.
bool in_by_looking(const std::vector<AddressRange>& in, const std::vector<AddressRange>& out, const Address& address) {
  int best_in = -1;
  int best_out = -1;
  for (const AddressRange& each : in) {
    if (lies_in(each, address)) best_in = std::max<int>(best_in, each.prefix);
  }
  for (const AddressRange& each : out) {
    if (lies_in(each, address)) best_out = std::max<int>(best_out, each.prefix);
  }
  return best_in > best_out;
}

}  // namespace

TEST_CASE("access rules: who is in none of the allowed is denied, and the longest prefix decides") {
  const AccessRules rules = allowing({"10.0.0.0/8", "10.1.2.0/24", "2001:db8::/32"}, {"10.1.0.0/16", "2001:db8::/64"});
  CHECK_FALSE(rules.denies(ip("10.0.0.1")));
  CHECK(rules.denies(ip("10.1.0.1")));
  CHECK(rules.denies(ip("10.1.3.0")));
  CHECK_FALSE(rules.denies(ip("10.1.2.0")));
  CHECK_FALSE(rules.denies(ip("10.1.2.255")));
  CHECK_FALSE(rules.denies(ip("10.2.0.0")));
  CHECK(rules.denies(ip("11.0.0.0")));
  CHECK(rules.denies(ip("2001:db8::1")));
  CHECK_FALSE(rules.denies(ip("2001:db8:0:1::1")));
  CHECK(rules.denies(ip("::1")));
}

TEST_CASE("access rules: of one network that is both, denied") {
  const AccessRules rules = allowing({"192.0.2.0/24", "192.0.2.0/24", "192.0.2.7"}, {"192.0.2.0/24"});
  CHECK(rules.denies(ip("192.0.2.1")));
  CHECK_FALSE(rules.denies(ip("192.0.2.7")));
}

TEST_CASE("access rules: everything allowed but some, up to the last address there is") {
  const AccessRules rules = allowing({"0.0.0.0/0", "::/0", "255.255.255.255"}, {"255.255.255.0/24", "ffff::/16"});
  CHECK_FALSE(rules.denies(ip("0.0.0.0")));
  CHECK(rules.denies(ip("255.255.255.254")));
  CHECK_FALSE(rules.denies(ip("255.255.255.255")));
  CHECK_FALSE(rules.denies(ip("fffe::1")));
  CHECK(rules.denies(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
}

TEST_CASE("access rules: denied alone leaves the others, and nobody without an address is denied") {
  AddressSet::Builder builder;
  builder.add(range_of("203.0.113.0/24"));
  const AccessRules rules = AccessRules::denying(builder.build());
  CHECK(rules.denies(ip("203.0.113.9")));
  CHECK_FALSE(rules.denies(ip("203.0.112.9")));
  CHECK_FALSE(rules.denies(Address()));
  CHECK_FALSE(allowing({"10.0.0.0/8"}, {}).denies(Address()));
}

TEST_CASE("address set: what is added and taken out at random is as a look through the list has it") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const bool six = round % 2 == 1;
    const auto address = [&] {
      Address made;
      made.family = six ? Address::Family::ipv6 : Address::Family::ipv4;
      for (std::size_t i = 0; i < (six ? 16 : 4); ++i) made.bytes[i] = random() % 3 == 0 ? 0xff : 0;
      return made;
    };
    const auto range = [&] {
      AddressRange made{address(), static_cast<std::uint8_t>(random() % (six ? 129 : 33))};
      for (unsigned bit = made.prefix; bit < (six ? 128U : 32U); ++bit) {
        made.network.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
      }
      return made;
    };
    std::vector<AddressRange> in(random() % (round % 10 == 0 ? 700 : 8));
    std::vector<AddressRange> out(1 + random() % 8);
    AddressSet::Builder builder;
    for (AddressRange& each : in) builder.add(each = range());
    for (AddressRange& each : out) builder.take_out(each = range());
    const AddressSet set = builder.build();
    for (int i = 0; i < 100; ++i) {
      const Address asked = address();
      REQUIRE(set.contains(asked) == in_by_looking(in, out, asked));
    }
  }
}

TEST_CASE("address list: comments, blanks, line ends and a byte order mark count for nothing") {
  std::vector<AddressRange> ranges;
  const auto parsed = parse_address_list(
      "\xef\xbb\xbf# all\r\n 203.0.113.7 \t# one\r\n\n10.0.0.0/8\r\n\t2001:db8::/32#two\n#\n::1", ranges);
  REQUIRE(parsed);
  std::string texts;
  for (const AddressRange& range : ranges) texts += range.text() + " ";
  CHECK(texts == "203.0.113.7 10.0.0.0/8 2001:db8::/32 ::1 ");
}

TEST_CASE("address list: a fault is told with its line and column") {
  CHECK(fault_of("10.0.0.1\n\n  10.0.0.256\n").starts_with("3:3 \"10.0.0.256\" is no address or network"));
  CHECK(fault_of("10.0.0.1/8").starts_with("1:1 \"10.0.0.1/8\" has bits set behind its prefix"));
  CHECK(fault_of("10.0.0.1 10.0.0.2").starts_with("1:1 "));
  CHECK(fault_of(std::string(100'000, 'a')).size() < 300);
  CHECK(fault_of(std::string_view("10.0.0.1\0", 9)).starts_with("1:1 "));
  CHECK(fault_of("") == "accepted");
}
