// Which fields go to the server.
#include "proxy/request_mapping.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/escape.h"
#include "core/number_text.h"

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
void append_list(const HeaderList& headers, HeaderName id, std::string& to) {
  for (const HeaderField& field : headers) {
    if (field.id != id || field.value.empty()) continue;
    if (!to.empty()) to += ", ";
    to += field.value;
  }
}

bool is_told(const Forwarded& told) {
  return told.client.family != Address::Family::none || told.https || !told.host.empty() || told.port != 0;
}

bool has_usual(const HeaderList& headers) {
  return headers.find(HeaderName::x_forwarded_for) || headers.find(HeaderName::x_forwarded_proto) ||
         headers.find(HeaderName::x_forwarded_host) || headers.find(kForwardedPort);
}

void append_separator(std::string& to) {
  if (!to.empty()) to += ", ";
}

/// "for=192.0.2.1", "for="[2001:db8::1]"", or "for=unknown" of a unix socket. `text` is the address's.
void append_node(Address::Family family, std::string_view text, std::string& to) {
  to += "for=";
  if (family == Address::Family::none) {
    to += "unknown";
  } else if (family == Address::Family::ipv6) {
    to.append("\"[").append(text).append("]\"");
  } else {
    to += text;
  }
}

void append_quoted(std::string_view value, std::string& to) {
  to += '"';
  for (std::size_t begin = 0; begin < value.size();) {
    const auto quoted = [](char c) { return c == '"' || c == '\\'; };
    const auto from = value.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto end = static_cast<std::size_t>(std::find_if(from + 1, value.end(), quoted) - value.begin());
    if (quoted(value[begin])) to += '\\';
    to += value.substr(begin, end - begin);
    begin = end;
  }
  to += '"';
}

/// The lists that every proxy adds who came to it to. One family of fields was believed (core/http/forwarded.h); where
/// it was the other, this list begins with the client that it told of.
void add_chain(Request& request, std::string_view host, HeaderList& to) {
  const bool told = is_told(request.forwarded);
  const bool usual = told && has_usual(request.headers);
  char text[kAddressText];
  const Address& peer = request.connection->remote;
  thread_local std::string list;
  thread_local std::string elements;
  list.clear();
  elements.clear();
  if (told && usual) append_list(request.headers, HeaderName::x_forwarded_for, list);
  if (told && !usual) append_list(request.headers, HeaderName::forwarded, elements);
  if (told && request.forwarded.client.family != Address::Family::none) {
    const Address& client = request.forwarded.client;
    const std::string_view client_text = client.ip_text(text);
    if (list.empty()) list += client_text;
    if (elements.empty()) append_node(client.family, client_text, elements);
  }
  std::string_view peer_text;
  if (peer.family != Address::Family::none) {
    peer_text = peer.ip_text(text);
    append_separator(list);
    list += peer_text;
  }
  append_separator(elements);
  append_node(peer.family, peer_text, elements);
  elements.append(";proto=").append(request.scheme());
  if (!host.empty()) {
    elements += ";host=";
    append_quoted(host, elements);
  }
  if (!list.empty()) to.add(HeaderName::x_forwarded_for, to.arena().copy(list));
  to.add(HeaderName::forwarded, to.arena().copy(elements));
}

void add_forwarded(Request& request, HeaderList& to) {
  const std::string_view host = request.headers.get(HeaderName::host);
  add_chain(request, host, to);
  to.add(HeaderName::x_forwarded_proto, request.scheme());
  if (!host.empty()) to.add(HeaderName::x_forwarded_host, host);
  if (const std::uint16_t port = request.server_port(); port != 0) {
    std::string number;
    append_number(port, number);
    to.add(kForwardedPort, to.arena().copy(number));
  }
  thread_local std::string via;
  via.clear();
  append_list(request.headers, HeaderName::via, via);
  append_separator(via);
  via += request.version == HttpVersion::http2    ? "2.0 edge"
         : request.version == HttpVersion::http10 ? "1.0 edge"
                                                  : "1.1 edge";
  to.add(HeaderName::via, to.arena().copy(via));
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
  to.host = rules.host ? rendered(*rules.host, request) : request.headers.get(HeaderName::host);
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
