// The table of known names, and its hash.
#include "appserver/gateway/names.h"

#include <cstring>

namespace edge::gateway {
namespace {

struct Known {
  std::string_view name;
  bool always;
  bool repeats;
  Meaning meaning = Meaning::none;
};

/// `always`: the edge sends it with every request (core/uwsgi/vars.h).
constexpr Known kKnown[] = {
    {"REQUEST_METHOD", true, true, Meaning::method},
    {"SCRIPT_NAME", true, true, Meaning::script_name},
    {"PATH_INFO", true, false, Meaning::path},
    {"QUERY_STRING", true, true, Meaning::query},
    {"REQUEST_URI", true, false, Meaning::target},
    {"SERVER_PROTOCOL", true, true, Meaning::protocol},
    {"SERVER_NAME", true, true, Meaning::server_name},
    {"SERVER_PORT", true, true, Meaning::server_port},
    {"REMOTE_ADDR", true, true, Meaning::client_address},
    {"REMOTE_PORT", true, false, Meaning::client_port},
    {"REQUEST_SCHEME", true, true, Meaning::scheme},
    {"REQUEST_ID", true, false, Meaning::request_id},
    {"AUTH_TYPE", false, true, Meaning::auth_type},
    {"REMOTE_USER", false, false, Meaning::user},
    {"HTTP_HOST", true, true},
    {"HTTPS", false, true, Meaning::https},
    {"CONTENT_TYPE", false, true},
    {"CONTENT_LENGTH", false, false},
    {"HTTP_ACCEPT", false, true},
    {"HTTP_ACCEPT_ENCODING", false, true},
    {"HTTP_ACCEPT_LANGUAGE", false, true},
    {"HTTP_AUTHORIZATION", false, false},
    {"HTTP_CACHE_CONTROL", false, true},
    {"HTTP_CONNECTION", false, true},
    {"HTTP_COOKIE", false, false},
    {"HTTP_DNT", false, true},
    {"HTTP_EXPECT", false, true},
    {"HTTP_FORWARDED", false, false},
    {"HTTP_IF_MODIFIED_SINCE", false, false},
    {"HTTP_IF_NONE_MATCH", false, false},
    {"HTTP_IF_RANGE", false, false},
    {"HTTP_ORIGIN", false, true},
    {"HTTP_PRAGMA", false, true},
    {"HTTP_RANGE", false, false},
    {"HTTP_REFERER", false, false},
    {"HTTP_SEC_FETCH_DEST", false, true},
    {"HTTP_SEC_FETCH_MODE", false, true},
    {"HTTP_SEC_FETCH_SITE", false, true},
    {"HTTP_SEC_FETCH_USER", false, true},
    {"HTTP_UPGRADE_INSECURE_REQUESTS", false, true},
    {"HTTP_USER_AGENT", false, true},
    {"HTTP_X_FORWARDED_FOR", false, false},
    {"HTTP_X_FORWARDED_HOST", false, true},
    {"HTTP_X_FORWARDED_PROTO", false, true},
    {"HTTP_X_REQUESTED_WITH", false, true},
};

/// Mixes the length with both ends: names differ there, and it costs two loads whatever the length.
std::size_t hash(std::string_view bytes) {
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  if (bytes.size() >= sizeof head) {
    std::memcpy(&head, bytes.data(), sizeof head);
    std::memcpy(&tail, bytes.data() + bytes.size() - sizeof tail, sizeof tail);
  } else {
    std::memcpy(&head, bytes.data(), bytes.size());
  }
  std::uint64_t mixed = (head * 0x9e3779b97f4a7c15U) ^ (tail * 0xc2b2ae3d27d4eb4fU) ^ (bytes.size() << 56U);
  mixed ^= mixed >> 29U;
  return static_cast<std::size_t>(mixed * 0x9e3779b97f4a7c15U >> 32U);
}

constexpr std::size_t kLongestLastValue = 256;

}  // namespace

Ref Name::value(std::string_view value_bytes, Ref (*make)(std::string_view)) {
  if (!repeats) return make(value_bytes);
  if (last_value && last_bytes == value_bytes) return Ref::borrowed(last_value.get());
  Ref made = make(value_bytes);
  if (made && value_bytes.size() <= kLongestLastValue) {
    last_bytes.assign(value_bytes);
    last_value = Ref::borrowed(made.get());
  }
  return made;
}

bool Names::prepare() {
  std::uint32_t bit = 1;
  for (const Known& known : kKnown) {
    Name* name = find(known.name);
    if (name == nullptr) return false;
    name->meaning = known.meaning;
    name->repeats = known.repeats;
    if (!known.always) continue;
    name->always = bit;
    bit <<= 1U;
  }
  return true;
}

Name* Names::find(std::string_view bytes) {
  const std::size_t first = hash(bytes);
  for (std::size_t i = 0; i < kProbes; ++i) {
    std::unique_ptr<Name>& place = places_[(first + i) & (kPlaces - 1)];
    if (!place) return add(bytes, place);
    if (place->bytes == bytes) return place.get();
  }
  return nullptr;
}

Name* Names::add(std::string_view bytes, std::unique_ptr<Name>& place) {
  if (count_ == kMostNames || bytes.size() > kLongestName) return nullptr;
  Ref key = make_key_(bytes);
  if (!key) return nullptr;
  place = std::make_unique<Name>();
  place->bytes = bytes;
  place->key = std::move(key);
  ++count_;
  return place.get();
}

}  // namespace edge::gateway
