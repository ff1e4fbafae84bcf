// Limits: one or several of a kind, each with a rate or a number.
#include "config/limits.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "config/values.h"

namespace edge::config {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;  // microseconds
constexpr std::uint64_t kLongestDelay = 60 * kSecond;

/// "20/s" as microseconds between two.
std::optional<std::uint64_t> parse_rate(std::string_view text) {
  constexpr std::uint64_t kMost = 1'000'000;
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 3> kUnits = {
      {{"/s", kSecond}, {"/m", 60 * kSecond}, {"/h", 3'600 * kSecond}}};
  for (const auto& [unit, time] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::optional<std::uint64_t> count = parse_number(text.substr(0, text.size() - unit.size()));
    if (!count || *count == 0 || *count > kMost) return std::nullopt;
    return time / *count;
  }
  return std::nullopt;
}

/// "1M/s" in bytes.
std::optional<std::uint64_t> parse_bandwidth(std::string_view text) {
  constexpr std::uint64_t kLeast = 1024;
  constexpr std::uint64_t kMost = 1ULL << 40U;
  if (!text.ends_with("/s")) return std::nullopt;
  const std::optional<std::uint64_t> bytes = parse_size(text.substr(0, text.size() - 2));
  return bytes && *bytes >= kLeast && *bytes <= kMost ? bytes : std::nullopt;
}

/// The text of `rate`, which must be given; what is wrong with it was reported.
template <class Parse>
std::optional<std::uint64_t> read_rate(const Section& section, Parse parse, std::string_view expected) {
  if (!section.given("rate")) {
    section.missing("rate", fmt::format("the rate is missing; give {}", expected));
    return std::nullopt;
  }
  const Node& node = *section.given("rate");
  std::string text;
  section.read("rate", text);
  const std::optional<std::uint64_t> rate = parse(text);
  if (!rate && node.kind == Node::Kind::scalar) {
    section.problem("rate", fmt::format("{} is no rate; expected {}", quoted(text), expected));
  }
  return rate;
}

/// A key that is always empty would limit nothing.
void read_key(const Section& section, Template& key) {
  if (auto preset = Template::compile("$remote_network")) key = std::move(*preset);
  section.read("key", key);
  if (key.constant() && key.source().empty()) {
    section.problem("key", "is empty, so nothing would be limited; for one count of all give a text such as all");
  }
  if (const std::string_view late = key.known_after(Template::Known::arrival); !late.empty()) {
    section.problem("key", fmt::format("${} has no value when a request is counted; use what the request brings, such "
                                       "as $remote_network or $http_authorization",
                                       late));
  }
}

LimitIdentity identity_of(const Section& section, std::string_view kind, std::string_view amount) {
  LimitIdentity identity;
  identity.text = fmt::format("limits.{} {} ({})", kind, amount, section.place().text());
  section.read("dry_run", identity.dry_run);
  return identity;
}

void read_status(const Section& section, int& to) {
  auto status = static_cast<std::uint32_t>(to);
  section.read("status", status);
  to = static_cast<int>(status);
}

std::string rate_text(const Section& section) {
  const Node* rate = section.given("rate");
  return rate ? rate->text : std::string();
}

RequestLimit read_requests(const Section& section) {
  RequestLimit limit;
  limit.identity = identity_of(section, "requests", rate_text(section));
  limit.rate.interval =
      read_rate(section, parse_rate, "a number in a second, minute or hour: 20/s, 100/m or 500/h").value_or(kSecond);
  section.read("burst", limit.rate.burst);
  read_key(section, limit.key);
  section.read("delay", limit.delay);
  read_status(section, limit.status);
  if (limit.delay && limit.rate.burst > kLongestDelay / limit.rate.interval) {
    section.problem("burst",
                    fmt::format("with `delay` the last of them would wait longer than a minute; give at most {}",
                                kLongestDelay / limit.rate.interval));
  }
  return limit;
}

ConcurrencyLimit read_connections(const Section& section) {
  ConcurrencyLimit limit;
  limit.most = 1;
  if (!section.given("max")) section.missing("max", "the number is missing; give how many may be under way at a time");
  section.read("max", limit.most);
  limit.identity = identity_of(section, "connections", fmt::format("max {}", limit.most));
  read_key(section, limit.key);
  read_status(section, limit.status);
  return limit;
}

BandwidthLimit read_bandwidth(const Section& section) {
  BandwidthLimit limit;
  limit.identity = identity_of(section, "bandwidth", rate_text(section));
  limit.rate =
      read_rate(section, parse_bandwidth, "bytes in a second such as 1M/s or 500k/s, from 1k/s on").value_or(1024);
  section.read("after", limit.after);
  return limit;
}

/// One map or a list of them, in the place of what was inherited.
template <class Limit>
void read_several(const Section& limits, std::string_view key, const std::string& scope,
                  Limit (*read_one)(const Section&), std::vector<Limit>& to) {
  const Node* const node = limits.given(key);
  if (!node) return;
  to.clear();
  if (is_off(*node)) return;
  const std::string schema = fmt::format("http.limits.{}", key);
  const auto add = [&](const Node& item, const std::string& path) {
    if (item.kind != Node::Kind::map) return limits.refuse(key, item);
    Limit& limit = to.emplace_back(read_one(Section(limits.loading(), schema, path, item.place, &item)));
    limit.identity.zone = fmt::format("{} {} {} {}", scope, key, to.size(), limit.key.source());
  };
  if (node->kind != Node::Kind::list) return add(*node, limits.path_of(key));
  if (node->items.size() > kMostLimits) {
    return limits.problem(key, fmt::format("these are {} limits; give at most {}", node->items.size(), kMostLimits));
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) add(*node->items[i], item_path(limits.path_of(key), i));
}

void read_bandwidth_of(const Section& limits, const std::string& scope, std::optional<BandwidthLimit>& to) {
  const Node* const node = limits.given("bandwidth");
  if (!node) return;
  to.reset();
  if (is_off(*node)) return;
  if (node->kind != Node::Kind::map) return limits.refuse("bandwidth", *node);
  to = read_bandwidth(limits.inner("bandwidth", "http.limits.bandwidth"));
  to->identity.zone = scope + " bandwidth";
}

}  // namespace

std::string limit_scope(const Site& site) {
  std::string scope = "site";
  for (const std::string& host : site.hosts) scope += ' ' + host;
  for (const Listen& listen : site.listen) scope += " on " + listen.text;
  return scope;
}

std::string limit_scope(const Site& site, const Section& route) {
  std::string scope = limit_scope(site) + " route";
  for (const char* key : {"path", "mount"}) {
    if (const Node* const node = route.given(key)) scope += fmt::format(" {} {}", key, node->text);
  }
  return scope;
}

void read_limits(const Section& section, const std::string& scope, std::shared_ptr<const LimitSettings>& to) {
  const Node* const node = section.given("limits");
  if (!node) return;
  if (is_off(*node)) return to.reset();
  if (node->kind != Node::Kind::map) return section.refuse("limits", *node);
  const Section limits = section.inner("limits", "http.limits");
  auto settings = to ? std::make_shared<LimitSettings>(*to) : std::make_shared<LimitSettings>();
  read_several(limits, "requests", scope, read_requests, settings->requests);
  read_several(limits, "connections", scope, read_connections, settings->connections);
  read_bandwidth_of(limits, scope, settings->bandwidth);
  to = settings->empty() ? nullptr : std::move(settings);
}

}  // namespace edge::config
