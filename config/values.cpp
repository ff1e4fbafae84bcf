// Values as they are written.
#include "config/values.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace edge::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t worth;
};
// The largest first.
constexpr std::array<Unit, 3> kSizes = {{{"G", 1 << 30}, {"M", 1 << 20}, {"k", 1 << 10}}};
constexpr std::array<Unit, 5> kTimes = {{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

/// Digits and one of `units`, which may differ in case when `any_case`.
std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units, bool any_case) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::uint64_t> number = parse_number(text.substr(0, digits));
  if (!number) return std::nullopt;
  const std::string_view name = text.substr(digits);
  for (const Unit& unit : units) {
    const bool same = name == unit.name || (any_case && name.size() == 1 && (name[0] ^ unit.name[0]) == 0x20);
    if (!same) continue;
    if (*number > std::numeric_limits<std::uint64_t>::max() / unit.worth) return std::nullopt;
    return *number * unit.worth;
  }
  return std::nullopt;
}

std::string text_with_unit(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.worth == 0) return fmt::format("{}{}", value / unit.worth, unit.name);
  }
  return fmt::format("{}", value);
}

}  // namespace

std::optional<bool> parse_boolean(std::string_view text) {
  for (const std::string_view yes : {"true", "True", "TRUE", "on", "On", "ON"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"false", "False", "FALSE", "off", "Off", "OFF"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const std::optional<std::uint64_t> bytes = parse_number(text);
  return bytes ? bytes : parse_with_unit(text, kSizes, true);
}

std::optional<std::uint64_t> parse_duration(std::string_view text) {
  return parse_with_unit(text, kTimes, false);
}

std::string size_text(std::uint64_t bytes) {
  return text_with_unit(bytes, kSizes);
}

std::string duration_text(std::uint64_t milliseconds) {
  return text_with_unit(milliseconds, kTimes);
}

const char* why_unreachable(std::string_view path) {
  if (!path.starts_with('/')) return "a path begins with /";
  if (path.find("//") != std::string_view::npos)
    return "requests have no doubled slashes when they are routed; write one";
  const bool has_dots = path.find("/./") != std::string_view::npos || path.find("/../") != std::string_view::npos ||
                        path.ends_with("/.") || path.ends_with("/..");
  return has_dots ? "requests have no . or .. steps when they are routed; remove them" : nullptr;
}

}  // namespace edge::config
