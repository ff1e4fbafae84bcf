// Addresses, references to lists, and the rules of bans.
#include "config/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "config/values.h"
#include "core/nearest.h"

namespace edge::config {
namespace {

constexpr std::uint64_t kMostStrikes = 1'000'000;
constexpr std::uint64_t kMostWindow = 24ULL * 60 * 60 * 1000;  // milliseconds

void read_range(const Section& section, const ListedText& given, std::vector<AddressRange>& to) {
  const Result<AddressRange> range = parse_address_range(given.text);
  if (range)
    to.push_back(*range);
  else
    section.loading().problems.add(given.place, given.path, range.error().context);
}

/// A file may hold what is missing.
std::string unknown_list(const std::string& name, const std::map<std::string, AddressList>& lists) {
  std::vector<std::string_view> known;
  for (const auto& [known_name, list] : lists) known.push_back(known_name);
  const std::string near = nearest(name, known);
  return fmt::format("there is no list {}; {}", quoted(name),
                     near.empty() ? "add it to `lists`" : fmt::format("did you mean `@{}`?", near));
}

AddressEntries read_entries(const Section& section, std::string_view key,
                            const std::map<std::string, AddressList>& lists) {
  AddressEntries entries;
  for (const ListedText& given : section.texts(key)) {
    if (given.text == "all") {
      for (const Address::Family family : {Address::Family::ipv4, Address::Family::ipv6}) {
        entries.ranges.push_back({{.family = family}, 0});
      }
      continue;
    }
    if (!given.text.starts_with('@')) {
      read_range(section, given, entries.ranges);
      continue;
    }
    std::string name = given.text.substr(1);
    if (lists.contains(name))
      entries.lists.push_back(std::move(name));
    else if (!section.loading().incomplete)
      section.loading().problems.add(given.place, given.path, unknown_list(name, lists));
  }
  return entries;
}

/// "401", "4xx" or "any".
bool parse_statuses(std::string_view text, BanRule& to) {
  constexpr int kFirst = 100;
  constexpr int kLast = 599;
  if (text == "any") {
    to.first_status = kFirst;
    to.last_status = kLast;
    return true;
  }
  if (text.size() == 3 && text.ends_with("xx") && text[0] >= '1' && text[0] <= '5') {
    to.first_status = (text[0] - '0') * 100;
    to.last_status = to.first_status + 99;
    return true;
  }
  const std::optional<std::uint64_t> status = parse_number(text);
  if (!status || *status < kFirst || *status > kLast) return false;
  to.first_status = to.last_status = static_cast<int>(*status);
  return true;
}

/// "20 x 401 in 1m"; nothing when it is something else.
std::optional<BanRule> parse_when(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  BanRule rule;
  if (words.size() != 5 || words[1] != "x" || words[3] != "in" || !parse_statuses(words[2], rule)) return std::nullopt;
  const std::optional<std::uint64_t> count = parse_number(words[0]);
  const std::optional<std::uint64_t> window = parse_duration(words[4]);
  if (!count || *count < 1 || *count > kMostStrikes) return std::nullopt;
  if (!window || *window < 1 || *window > kMostWindow) return std::nullopt;
  rule.strikes.count = static_cast<std::uint32_t>(*count);
  rule.strikes.window = *window;
  return rule;
}

/// FNV-1a: the same rule at the same place has the same number after a reload, and counts on.
std::uint64_t id_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

void read_ban(const Section& ban, std::vector<BanRule>& to) {
  const Node* const when = ban.given("when");
  if (!when) return ban.missing("when", "what earns the ban is missing, such as `when: 20 x 401 in 1m`");
  std::string text;
  ban.read("when", text);
  std::optional<BanRule> rule = parse_when(text);
  if (!rule) {
    return ban.loading().problems.add(
        when->place, ban.path_of("when"),
        fmt::format(
            "{} says not when; expected a number from 1 to 1000000, a status (401, 4xx or any) and a time up to "
            "a day: `20 x 401 in 1m`",
            quoted(text)));
  }
  rule->text = std::move(text);
  rule->duration = Milliseconds(3'600'000);
  ban.read("for", rule->duration);
  rule->strikes.id = id_of(ban.place().text() + rule->text);
  to.push_back(std::move(*rule));
}

void read_bans(const Section& section, std::shared_ptr<const std::vector<BanRule>>& to) {
  const Node* const given = section.given("ban");
  if (!given) return;
  auto rules = std::make_shared<std::vector<BanRule>>();
  const std::string path = section.path_of("ban");
  if (given->kind == Node::Kind::map) {
    read_ban(Section(section.loading(), "http.ban[]", path, given->place, given), *rules);
  } else if (const Node* const list = section.given_list("ban")) {
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      const Node& item = *list->items[i];
      read_ban(Section(section.loading(), "http.ban[]", item_path(path, i), item.place, &item), *rules);
    }
  }
  to = rules->empty() ? nullptr : std::move(rules);
}

}  // namespace

std::map<std::string, AddressList> load_lists(const Section& top) {
  std::map<std::string, AddressList> lists;
  const Node* const given = top.given_map("lists");
  if (!given) return lists;
  for (const Entry& entry : given->entries) {
    const std::string path = key_path("lists", entry.key);
    const Section section(top.loading(), "lists.NAME", path, entry.place, entry.value.get());
    AddressList& list = lists[entry.key];
    list.place = entry.place;
    for (const ListedText& address : section.texts("addresses")) read_range(section, address, list.addresses);
    section.read("file", list.file);
    list.file_place = section.place_of("file");
    if (entry.value->kind != Node::Kind::map) continue;
    if (!section.given("addresses") && !section.given("file") && !section.given("url")) {
      section.missing({}, "the list has neither `addresses` nor a `file`");
    }
  }
  return lists;
}

void read_guarding(const Section& section, const std::map<std::string, AddressList>& lists, Guarding& to) {
  if (section.given("deny") || section.given("allow")) {
    auto access = std::make_shared<AccessSettings>(to.access ? *to.access : AccessSettings());
    if (section.given("deny")) access->deny = read_entries(section, "deny", lists);
    if (section.given("allow")) access->allow = read_entries(section, "allow", lists);
    const bool serves_everyone = access->deny.empty() && access->allow.empty();
    to.access = serves_everyone ? nullptr : std::move(access);
  }
  if (section.given("deny_with")) {
    std::string with = "close";
    section.read("deny_with", with);
    to.answers = with == "403";
  }
  read_bans(section, to.bans);
}

}  // namespace edge::config
