// Which fields go to the server.
#include "proxy/request_mapping.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/escape.h"
#include "core/http/path.h"
#include "core/joined.h"
#include "core/text_writer.h"

namespace edge {

namespace {

constexpr std::string_view kForwardedPort = "X-Forwarded-Port";
constexpr std::size_t kAddressText = 46;  // Address::ip_text()

/// What belongs to the connection, or is written anew.
bool is_ours(const HeaderField& field) {
  switch (field.id) {
    case HeaderName::connection:
    case HeaderName::content_length:
    case HeaderName::expect:
    case HeaderName::forwarded:
    case HeaderName::host:
    case HeaderName::keep_alive:
    case HeaderName::proxy_connection:
    case HeaderName::te:
    case HeaderName::trailer:
    case HeaderName::transfer_encoding:
    case HeaderName::upgrade:
    case HeaderName::via:
    case HeaderName::x_forwarded_for:
    case HeaderName::x_forwarded_host:
    case HeaderName::x_forwarded_proto:
      return true;
    case HeaderName::other:
      return same_name(field.name, kForwardedPort) || same_name(field.name, "Proxy") ||
             same_name(field.name, "HTTP2-Settings") || field.name.find('_') != field.name.npos;
    default:
      return false;
  }
}

/// Whether a Connection field of the client names it (RFC 9110 7.6.1).
bool is_named_by_connection(const HeaderList& headers, std::string_view name) {
  for (const HeaderField& field : headers) {
    if (field.id != HeaderName::connection) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (same_name(trimmed(rest.substr(0, comma)), name)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

/// The values of all fields of that name as one list.
std::string_view list_of(const HeaderList& headers, HeaderName id, Arena& arena) {
  if (!headers.may_have(id)) return {};
  std::size_t room = 0;
  for (const HeaderField& field : headers) {
    if (field.id == id) room += field.value.size() + 2;
  }
  TextWriter list(arena.allocate_chars(room), room);
  for (const HeaderField& field : headers) {
    if (field.id != id || field.value.empty()) continue;
    if (list.size() > 0) list.add(", ");
    list.add(field.value);
  }
  return list.written();
}

bool is_told(const Forwarded& told) {
  return told.client.family != Address::Family::none || told.https || !told.host.empty() || told.port != 0;
}

bool has_usual(const HeaderList& headers) {
  return headers.find(HeaderName::x_forwarded_for) || headers.find(HeaderName::x_forwarded_proto) ||
         headers.find(HeaderName::x_forwarded_host) || headers.find(kForwardedPort);
}

/// "for=192.0.2.1", "for="[2001:db8::1]"", or "for=unknown" of a unix socket. `text` is the address's.
void add_node(Address::Family family, std::string_view text, TextWriter& to) {
  to.add("for=");
  if (family == Address::Family::none) {
    to.add("unknown");
  } else if (family == Address::Family::ipv6) {
    to.add("\"[");
    to.add(text);
    to.add("]\"");
  } else {
    to.add(text);
  }
}

void add_quoted(std::string_view value, TextWriter& to) {
  to.add("\"");
  for (std::size_t begin = 0; begin < value.size();) {
    const auto quoted = [](char c) { return c == '"' || c == '\\'; };
    const auto from = value.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto end = static_cast<std::size_t>(std::find_if(from + 1, value.end(), quoted) - value.begin());
    if (quoted(value[begin])) to.add("\\");
    to.add(value.substr(begin, end - begin));
    begin = end;
  }
  to.add("\"");
}

std::string_view text_of(const Address& address, char (&to)[kAddressText]) {
  return address.family == Address::Family::none ? std::string_view() : address.ip_text(to);
}

/// The lists that every proxy adds who came to it to. One family of fields was believed (core/http/forwarded.h); where
/// it was the other, this list begins with the client that it told of.
void add_chain(Request& request, std::string_view host, HeaderList& to) {
  Arena& arena = to.arena();
  char peer_buffer[kAddressText];
  char client_buffer[kAddressText];
  const Address& peer = request.connection->remote;
  const std::string_view peer_text = text_of(peer, peer_buffer);
  std::string_view list;
  std::string_view elements;
  std::string_view client_text;
  if (is_told(request.forwarded)) {
    client_text = text_of(request.forwarded.client, client_buffer);
    if (has_usual(request.headers)) {
      list = list_of(request.headers, HeaderName::x_forwarded_for, arena);
    } else {
      elements = list_of(request.headers, HeaderName::forwarded, arena);
    }
  }
  if (list.empty()) list = client_text;
  const bool has_both = !list.empty() && !peer_text.empty();
  list = joined(arena, {list, has_both ? ", " : "", peer_text});
  if (!list.empty()) to.add(HeaderName::x_forwarded_for, list);

  constexpr std::size_t kFixed = 160;  // bytes: two nodes, and what stands around the values
  const std::size_t room = kFixed + elements.size() + 2 * host.size();
  TextWriter forwarded(arena.allocate_chars(room), room);
  forwarded.add(elements);
  if (elements.empty() && !client_text.empty()) add_node(request.forwarded.client.family, client_text, forwarded);
  if (forwarded.size() > 0) forwarded.add(", ");
  add_node(peer.family, peer_text, forwarded);
  forwarded.add(";proto=");
  forwarded.add(request.scheme());
  if (!host.empty()) {
    forwarded.add(";host=");
    add_quoted(host, forwarded);
  }
  to.add(HeaderName::forwarded, forwarded.written());
}

void add_forwarded(Request& request, HeaderList& to) {
  const std::string_view host = request.headers.get(HeaderName::host);
  add_chain(request, host, to);
  to.add(HeaderName::x_forwarded_proto, request.scheme());
  if (!host.empty()) to.add(HeaderName::x_forwarded_host, host);
  if (const std::uint16_t port = request.server_port(); port != 0) {
    std::array<char, 5> digits;
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), port).ptr;
    to.add({kForwardedPort, to.arena().copy({digits.data(), end})});
  }
  const std::string_view own = request.version == HttpVersion::http2    ? "2.0 edge"
                               : request.version == HttpVersion::http10 ? "1.0 edge"
                                                                        : "1.1 edge";
  const std::string_view before = list_of(request.headers, HeaderName::via, to.arena());
  to.add(HeaderName::via, before.empty() ? own : joined(to.arena(), {before, ", ", own}));
}

std::string_view rendered(const Template& value, const Request& request) {
  thread_local std::string text;
  thread_local std::string safe;
  text.clear();
  safe.clear();
  value.render(request, text);
  append_percent_encoded(text, false, safe);
  return request.arena.copy(safe);
}

/// Nothing when the variables of clients make something of it that is no host.
std::string_view host_by(const Template& rule, const Request& request) {
  const std::string_view host = rendered(rule, request);
  return rule.constant() || parse_host(host, request.arena) ? host : std::string_view();
}

void apply_rules(const std::vector<HeaderRule>& rules, const Request& request, HeaderList& to) {
  for (const HeaderRule& rule : rules) {
    to.remove(rule.name);
    if (!rule.value) continue;
    const std::string_view value = rendered(*rule.value, request);
    if (!value.empty()) to.add(rule.name, value);
  }
}

}  // namespace

void map_request(Request& request, const ForwardRules& rules, UpstreamRequest& to) {
  to.method = request.method_name;
  to.target = rules.mapping.target(request, request.arena);
  to.script_name = rules.mapping.script_name();
  to.host = rules.host ? host_by(*rules.host, request) : request.headers.get(HeaderName::host);
  if (to.host.empty()) to.host = rules.server;
  const bool has_connection = request.headers.find(HeaderName::connection) != nullptr;
  for (const HeaderField& field : request.headers) {
    if (is_ours(field)) continue;
    if (has_connection && is_named_by_connection(request.headers, field.name)) continue;
    to.headers.add(field);
  }
  add_forwarded(request, to.headers);
  apply_rules(rules.headers, request, to.headers);
}

}  // namespace edge
