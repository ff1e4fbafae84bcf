// Bans as data: by network, with their ends, as a file and as the query of a URL.
#include "cmd/ban_list.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "cmd/ban_commands.h"
#include "cmd/ban_file.h"
#include "cmd/ban_query.h"
#include "support/temporary_directory.h"

using namespace edge;

namespace {

AddressRange range_of(std::string_view text) {
  const Result<AddressRange> range = parse_address_range(text);
  REQUIRE_MESSAGE(range, text);
  return *range;
}

Ban ban_of(std::string_view text, std::int64_t until = 0) {
  return {.range = range_of(text), .since = 100, .until = until, .automatic = false, .why = {}};
}

bool lies_in(std::string_view address, std::string_view range) {
  return holds(range_of(range), range_of(address).network);
}

}  // namespace

TEST_CASE("ban list: what a network holds") {
  CHECK(lies_in("10.1.2.3", "10.0.0.0/8"));
  CHECK(lies_in("10.1.2.3", "10.1.2.2/31"));
  CHECK_FALSE(lies_in("10.1.2.4", "10.1.2.2/31"));
  CHECK(lies_in("10.1.2.3", "0.0.0.0/0"));
  CHECK_FALSE(lies_in("::1", "0.0.0.0/0"));
  CHECK(lies_in("2001:db8::1", "2001:db8::/33"));
  CHECK_FALSE(lies_in("2001:db8:8000::1", "2001:db8::/33"));
  CHECK(lies_in("2001:db8::1", "2001:db8::1"));
}

TEST_CASE("ban list: a bound, and a ban in the place of another of the same network") {
  BanList list;
  CHECK(list.put(ban_of("10.0.0.1", 200), 2));
  CHECK(list.put(ban_of("10.0.0.0/24"), 2));
  CHECK_FALSE(list.put(ban_of("10.0.0.2"), 2));
  CHECK(list.put(ban_of("10.0.0.1", 300), 2));
  CHECK(list.all().size() == 2);
  CHECK(list.expire(250) == 0);
  CHECK(list.expire(300) == 1);
  CHECK_FALSE(list.has_ends());
  CHECK(list.holding(range_of("10.0.0.1").network)->range.text() == "10.0.0.0/24");
  CHECK_FALSE(list.lift(range_of("10.0.0.1")));
  CHECK(list.lift(range_of("10.0.0.0/24")));
  CHECK(list.holding(range_of("10.0.0.1").network) == nullptr);
}

TEST_CASE("ban list: those that end do so in the order of their ends") {
  BanList list;
  for (int i = 0; i < 100; ++i) list.put(ban_of("10.0.0." + std::to_string(i), 1000 - i), 1000);
  CHECK(list.expire(910) == 10);
  CHECK_FALSE(list.contains(range_of("10.0.0.90")));
  CHECK(list.contains(range_of("10.0.0.89")));
  list.lift(range_of("10.0.0.89"));
  CHECK(list.expire(2000) == 89);
}

TEST_CASE("ban file: what is written is read, and what means nothing is left out") {
  test::TemporaryDirectory folder;
  const std::string path = folder.path() / "state";
  CHECK(read_ban_file(path)->empty());
  Ban ban = ban_of("2001:db8::/32", 500);
  ban.automatic = true;
  ban.why = "a \"reason\"\n\xff";
  REQUIRE(write_ban_file(path, {ban, ban_of("10.0.0.1")}));
  const Result<std::vector<Ban>> read = read_ban_file(path);
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[0].range == ban.range);
  CHECK((*read)[0].until == 500);
  CHECK((*read)[0].automatic);
  CHECK((*read)[0].why.starts_with("a \"reason\"\n"));
  CHECK((*read)[1].since == 100);
  CHECK(parse_bans(R"({"bans": [{"address": "10.0.0.1/8"}, 7, {"address": "::1", "why": 3}]})")->size() == 1);
  for (const char* text : {"", "[]", "{}", R"({"bans": 1})", R"({"bans": [)"}) CHECK_FALSE(parse_bans(text));
}

TEST_CASE("ban file: one that cannot be understood is moved aside, and the error names both") {
  test::TemporaryDirectory folder;
  const std::filesystem::path file = folder.path() / "bans.json";
  std::ofstream(file) << "nonsense";
  const Result<std::vector<Ban>> read = read_ban_file(folder.path());
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == ErrorKind::malformed);
  CHECK(read.error().context.ends_with("bans.json.damaged"));
  CHECK_FALSE(std::filesystem::exists(file));
  CHECK(std::filesystem::exists(file.string() + ".damaged"));
}

TEST_CASE("ban query: both ways, and nothing that is no ban") {
  const BanOrder order{.range = range_of("2001:db8::/32"), .duration = Milliseconds(1500), .why = "100% & more=\n"};
  const std::string query = ban_query(order);
  CHECK(query == "address=2001:db8::%2F32&for=1500&why=100%25%20%26%20more%3D%0A");
  const Result<BanOrder> read = read_ban_query(query);
  REQUIRE(read);
  CHECK(read->range == order.range);
  CHECK(read->duration == order.duration);
  CHECK(read->why == order.why);
  CHECK(read_ban_query("address=1.2.3.4")->duration.count() == 0);
  for (const char* wrong : {"", "why=x", "address", "address=", "address=x", "address=1.2.3.4&for=", "address=1.2.3.4%",
                            "address=1.2.3.4%2", "address=1.2.3.4&for=-1", "address=1.2.3.4&for=999999999999999"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read_ban_query(wrong));
  }
}

TEST_CASE("bans table: who, since when, how long still and why, harmless to a terminal") {
  BansReport report{.total = 3, .most = 100, .kept_in = {}};
  report.bans.push_back({"203.0.113.7", 1'800'000'000, 1'800'003'600, true, "20 x 401 in 1m"});
  report.bans.push_back({"2001:db8::/32", 1'800'000'000, 0, false, "\x1b[1mwhy"});
  const std::string text = bans_table(report, 1'800'000'000);
  CHECK(text.starts_with("3 of 100 bans, kept in memory only (edge.state_dir keeps them)\n203.0.113.7 "));
  CHECK(text.find("1h 0m left") != std::string::npos);
  CHECK(text.find("automatic: 20 x 401 in 1m\n") != std::string::npos);
  CHECK(text.find("until lifted") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.ends_with("and 1 more\n"));
}
