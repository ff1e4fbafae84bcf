// The value: 16 hexadecimal digits, and with a time "-" and the minute in which it was given, in hexadecimal digits.
#include "proxy/sticky_cookie.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <utility>

#include "core/http/find_pair.h"

namespace edge {
namespace {

constexpr std::size_t kDigits = 16;

/// Exactly as set_cookie() writes it: lower case, nothing before or behind.
std::optional<std::uint64_t> hexadecimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  if (text.empty() || text.size() > kDigits || text.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  std::from_chars(text.data(), end, value, 16);
  return value;
}

HashKey derived_key(HashKey key, std::string_view text) {
  HashKey derived{};
  for (unsigned half = 0; half < 2; ++half) {
    const std::uint64_t hash = keyed_hash(key, text);
    for (unsigned i = 0; i < 8; ++i) derived[half * 8 + i] = static_cast<std::uint8_t>(hash >> (8 * i));
    key[0] ^= 1;
  }
  return derived;
}

}  // namespace

StickyCookie::StickyCookie(Settings settings, const HashKey& key)
    : settings_(std::move(settings)), key_(derived_key(key, settings_.upstream)) {}

StickyCookie::Found StickyCookie::find(const HeaderList& headers, const ServerGroup& group, std::int64_t now) const {
  for (const HeaderField& field : headers) {
    if (field.id != HeaderName::cookie) continue;
    if (const auto value = find_pair(field.value, ';', settings_.name)) return read(trimmed(*value), group, now);
  }
  return {};
}

StickyCookie::Found StickyCookie::read(std::string_view value, const ServerGroup& group, std::int64_t now) const {
  if (value.size() < kDigits) return {};
  const std::optional<std::uint64_t> hash = hexadecimal(value.substr(0, kDigits));
  value.remove_prefix(kDigits);
  Found found;
  if (settings_.time.count() > 0) {
    const std::optional<std::uint64_t> minute = value.starts_with('-') ? hexadecimal(value.substr(1)) : std::nullopt;
    const std::uint64_t half = static_cast<std::uint64_t>(settings_.time.count()) / 2 / 1'000;
    const auto seconds = static_cast<std::uint64_t>(now);
    found.is_old = !minute || *minute > seconds / 60 || seconds - *minute * 60 >= half;
  }
  if (!hash) return {};
  for (const ServerGroup::Member& member : group.members()) {
    if (keyed_hash(key_, member.server->name()) != *hash) continue;
    found.server = member.server.get();
    return found;
  }
  return {};
}

std::string StickyCookie::set_cookie(const Server& server, bool secure, std::int64_t now) const {
  std::string text = fmt::format("{}={:016x}", settings_.name, keyed_hash(key_, server.name()));
  const auto seconds = settings_.time.count() / 1'000;
  if (seconds > 0) text += fmt::format("-{:x}; Max-Age={}", now / 60, seconds);
  text += "; Path=/; HttpOnly; SameSite=Lax";
  if (secure) text += "; Secure";
  return text;
}

HashKey sticky_key(std::string_view secret, const std::string& machine_file) {
  if (!secret.empty()) return derived_key({}, fmt::format("edge sticky key\n{}", secret));
  std::string identity;
  std::ifstream file(machine_file);
  std::getline(file, identity);
  return derived_key({}, "edge sticky cookie\n" + identity);
}

}  // namespace edge
