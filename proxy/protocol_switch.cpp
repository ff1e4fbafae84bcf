// The one field by which the two ways differ.
#include "proxy/protocol_switch.h"

#include <algorithm>

#include "core/http/websocket_key.h"

namespace edge {

namespace {

constexpr std::string_view kKey = "Sec-WebSocket-Key";
constexpr std::string_view kAccept = "Sec-WebSocket-Accept";

std::string_view value(const HeaderList& headers, std::string_view name) {
  const HeaderField* const field = headers.find(name);
  return field ? field->value : std::string_view();
}

bool needs_key(const UpstreamRequest& asked) {
  return asked.client.method == Method::connect && same_name(asked.upgrade, "websocket");
}

}  // namespace

std::string_view allowed_switch(const Request& request, const std::vector<std::string>& allowed) {
  for (std::string_view rest = request.upgrade; !rest.empty();) {  // by preference, the first one first
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view asked = trimmed(rest.substr(0, comma));
    if (std::ranges::any_of(allowed, [asked](const std::string& one) { return same_name(one, asked); })) return asked;
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return {};
}

Result<void> ask_for_switch(std::string_view protocol, UpstreamRequest& asked) {
  asked.upgrade = protocol;
  if (asked.client.method != Method::connect) return {};
  asked.method = "GET";
  if (!needs_key(asked)) return {};
  const std::string key = make_websocket_key();
  if (key.empty()) return fail(ErrorKind::internal, Side::ours, "no random numbers for a WebSocket's key");
  asked.headers.remove(kKey);
  asked.headers.add(kKey, asked.client.arena.copy(key));
  return {};
}

Result<void> check_switch(const UpstreamRequest& asked, const UpstreamCodec::Head& head) {
  if (!needs_key(asked)) return {};
  if (value(head.headers, kAccept) == websocket_accept(value(asked.headers, kKey))) return {};
  return fail(ErrorKind::bad_gateway, Side::upstream, "101 with another Sec-WebSocket-Accept than the key asks for");
}

}  // namespace edge
