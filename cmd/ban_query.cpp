// Percent-encoding of what bans are made of.
#include "cmd/ban_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "config/values.h"

namespace edge {

namespace {

constexpr std::uint64_t kLongest = 10ULL * 365 * 24 * 3'600'000;  // milliseconds

std::string encoded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                       c == ':' || c == '-' || c == '_';
    result += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return result;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    unsigned byte = 0;
    const char* const end = text.data() + i + 3;
    if (std::from_chars(text.data() + i + 1, end, byte, 16).ptr != end) return std::nullopt;
    result += static_cast<char>(byte);
    i += 2;
  }
  return result;
}

std::unexpected<Error> malformed(std::string why) {
  return fail(ErrorKind::malformed, Side::client, std::move(why));
}

Result<void> read_parameter(std::string_view name, std::string value, BanOrder& to, bool& has_address) {
  if (name == "address") {
    const Result<AddressRange> range = parse_address_range(value);
    if (!range) return malformed(range.error().context);
    to.range = *range;
    has_address = true;
    return {};
  }
  if (name == "for") {
    const std::optional<std::uint64_t> time = config::parse_number(value);
    if (!time || *time < 1 || *time > kLongest) return malformed("`for` is a number of milliseconds up to ten years");
    to.duration = Milliseconds(*time);
    return {};
  }
  if (name != "why") return malformed(fmt::format("unknown parameter `{}`; known: address, for, why", name));
  to.why = std::move(value);
  return {};
}

}  // namespace

std::string ban_query(const BanOrder& order) {
  std::string query = "address=" + encoded(order.range.text());
  if (order.duration.count() > 0) query += fmt::format("&for={}", order.duration.count());
  if (!order.why.empty()) query += "&why=" + encoded(order.why);
  return query;
}

Result<BanOrder> read_ban_query(std::string_view query) {
  BanOrder order;
  bool has_address = false;
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    std::optional<std::string> value = decoded(parameter.substr(std::min(equals + 1, parameter.size())));
    if (!value) return malformed("a broken escape in the query");
    Result<void> read = read_parameter(parameter.substr(0, equals), std::move(*value), order, has_address);
    if (!read) return std::unexpected(std::move(read.error()));
  }
  if (!has_address) return malformed("the `address` is missing");
  return order;
}

}  // namespace edge
