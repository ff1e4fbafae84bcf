// Lists are taken apart from their end, so that nothing a client wrote before it can change what a proxy added.
#include "core/http/forwarded.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "core/http/path.h"
#include "core/http/request.h"
#include "core/trusted_proxies.h"

namespace edge {
namespace {

constexpr std::string_view kForwardedPort = "X-Forwarded-Port";

// ---- lists -----------------------------------------------------------------------------------------------------

/// Within a quoted string.
bool is_escaped(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && text[begin - 1] == '\\') --begin;
  return (at - begin) % 2 != 0;
}

/// Where the last element begins; commas within quoted strings do not count.
std::size_t last_begin(std::string_view list) {
  bool quoted = false;
  for (std::size_t i = list.size(); i-- > 0;) {
    if (list[i] == '"' && !(quoted && is_escaped(list, i))) quoted = !quoted;
    if (list[i] == ',' && !quoted) return i + 1;
  }
  return 0;
}

/// The elements of all fields of one name, the last first (RFC 9110 5.6.1). Empty ones are passed over.
class ElementsFromEnd {
 public:
  ElementsFromEnd(const HeaderList& headers, std::string_view name)
      : headers_(headers), name_(name), left_(headers.size()) {}

  /// Empty after the first element.
  std::string_view next() {
    while (true) {
      while (!in_field_) {
        if (left_ == 0) return {};
        const HeaderField& field = headers_[--left_];
        in_field_ = same_name(field.name, name_);
        list_ = field.value;
      }
      const std::size_t begin = last_begin(list_);
      const std::string_view element = trimmed(list_.substr(begin));
      in_field_ = begin > 0;
      if (in_field_) list_ = list_.substr(0, begin - 1);
      if (!element.empty()) return element;
    }
  }

 private:
  const HeaderList& headers_;
  std::string_view name_;
  std::size_t left_;       // fields that have not been looked at
  std::string_view list_;  // what is left of the field
  bool in_field_ = false;
};

// ---- values ----------------------------------------------------------------------------------------------------

std::uint16_t parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, port);
  return error == std::errc() && stopped == end ? port : 0;
}

/// RFC 7239 6, and what is usual beside it: "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]", "[2001:db8::1]:4711", and
/// an IPv6 address without brackets. A port may be hidden ("_a").
std::optional<Address> parse_node(std::string_view node) {
  std::string_view ip = node;
  std::string_view after;
  if (node.starts_with('[')) {
    const std::size_t end = std::min(node.find(']'), node.size() - 1);
    ip = node.substr(1, end - 1);
    after = node.substr(end + 1);
    if (node[end] != ']' || !ip.contains(':')) return std::nullopt;
  } else if (const std::size_t colon = node.find(':'); colon == node.rfind(':')) {
    ip = node.substr(0, colon);
    after = node.substr(ip.size());
  }
  std::optional<Address> address = Address::from_ip(ip);
  if (!address || after.empty()) return address;
  address->port = parse_port(after.substr(1));
  const bool is_port = after.starts_with(":_") || address->port != 0 || after == ":0";
  return after[0] == ':' && is_port ? address : std::nullopt;
}

void take_scheme(std::string_view scheme, Forwarded& to) {
  if (same_name(scheme, "https")) to.https = true;
  if (same_name(scheme, "http")) to.https = false;
}

void take_host(std::string_view authority, Arena& arena, Forwarded& to) {
  const Result<std::string_view> host = parse_host(authority, arena);
  if (!host) return;
  to.host = *host;
  const std::size_t name_end = authority.starts_with('[') ? authority.find(']') : 0;
  const std::size_t colon = authority.find(':', name_end);
  to.port = colon == authority.npos ? 0 : parse_port(authority.substr(colon + 1));
}

/// Goes one proxy further away. False: that was the client, or nobody knows.
bool take_node(std::string_view node, const TrustedProxies& trusted, Forwarded& to) {
  const std::optional<Address> address = parse_node(node);
  if (!address) return false;
  to.client = *address;
  return trusted.contains(*address);
}

// ---- Forwarded -------------------------------------------------------------------------------------------------

/// One proxy's word.
struct Element {
  std::string_view node;  // "for"
  std::string_view scheme;
  std::string_view host;
};

/// Takes `"…"` from the front; nothing when it does not end. Escapes stay: no address, scheme or host holds one.
std::optional<std::string_view> take_quoted(std::string_view& from) {
  for (std::size_t end = 1; end < from.size(); ++end) {
    if (from[end] == '"') {
      const std::string_view value = from.substr(1, end - 1);
      from.remove_prefix(end + 1);
      return value;
    }
    if (from[end] == '\\') ++end;
  }
  return std::nullopt;
}

/// Takes what stands before ";", which RFC 7239 4 has as a token. "for=192.0.2.1:80" is usual as well, so only what
/// would be an element, a pair or a string of its own may not be in it.
std::optional<std::string_view> take_plain(std::string_view& from) {
  const std::size_t end = std::min(from.find(';'), from.size());
  const std::string_view value = trimmed(from.substr(0, end));
  from.remove_prefix(end);
  if (value.find_first_of("\",= \t") != value.npos) return std::nullopt;
  return value;
}

/// Nothing when the element is malformed, or tells one thing twice. Beyond RFC 7239 4 white space may stand around a
/// pair.
std::optional<Element> parse_element(std::string_view text) {
  Element element;
  while (!text.empty()) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return std::nullopt;
    const std::string_view name = trimmed(text.substr(0, equals));
    text = text.substr(equals + 1);
    const std::optional<std::string_view> value = text.starts_with('"') ? take_quoted(text) : take_plain(text);
    text = trimmed(text);
    if (!value || name.empty() || (!text.empty() && text[0] != ';')) return std::nullopt;
    text = trimmed(text.substr(text.empty() ? 0 : 1));
    std::string_view ignored;
    std::string_view& to = same_name(name, "for")     ? element.node
                           : same_name(name, "proto") ? element.scheme
                           : same_name(name, "host")  ? element.host
                                                      : ignored;
    if (to.data() != nullptr) return std::nullopt;
    to = *value;
  }
  return element;
}

Forwarded of_standard(const HeaderList& headers, const TrustedProxies& trusted, Arena& arena) {
  Forwarded result;
  ElementsFromEnd elements(headers, header_spelling(HeaderName::forwarded));
  for (std::size_t i = 0; i < kMostProxies; ++i) {
    const std::optional<Element> element = parse_element(elements.next());
    if (!element) break;
    take_scheme(element->scheme, result);
    take_host(element->host, arena, result);
    if (!take_node(element->node, trusted, result)) break;
  }
  return result;
}

// ---- X-Forwarded-* ---------------------------------------------------------------------------------------------

std::string_view last_of(const HeaderList& headers, std::string_view name) {
  return ElementsFromEnd(headers, name).next();
}

Forwarded of_usual(const HeaderList& headers, const TrustedProxies& trusted, Arena& arena) {
  Forwarded result;
  ElementsFromEnd nodes(headers, header_spelling(HeaderName::x_forwarded_for));
  for (std::size_t i = 0; i < kMostProxies; ++i) {
    if (!take_node(nodes.next(), trusted, result)) break;
  }
  take_scheme(last_of(headers, header_spelling(HeaderName::x_forwarded_proto)), result);
  take_host(last_of(headers, header_spelling(HeaderName::x_forwarded_host)), arena, result);
  const std::uint16_t port = parse_port(last_of(headers, kForwardedPort));
  if (port != 0) result.port = port;
  return result;
}

bool has_usual(const HeaderList& headers) {
  return headers.find(HeaderName::x_forwarded_for) || headers.find(HeaderName::x_forwarded_proto) ||
         headers.find(HeaderName::x_forwarded_host) || headers.find(kForwardedPort);
}

// ---- the request -----------------------------------------------------------------------------------------------

/// The Host field as the client would have written it.
std::string_view host_field(const Request& request) {
  const std::uint16_t port = request.server_port();
  const std::uint16_t usual = request.secure() ? 443 : 80;
  if (port == 0 || port == usual) return request.host;
  std::string field(request.host);
  field.append(":").append(std::to_string(port));
  return request.arena.copy(field);
}

}  // namespace

Forwarded read_forwarded(const HeaderList& headers, const TrustedProxies& trusted, Arena& arena) {
  return has_usual(headers) ? of_usual(headers, trusted, arena) : of_standard(headers, trusted, arena);
}

void believe_forwarded(Request& request, const TrustedProxies& trusted) {
  if (!trusted.contains(request.connection->remote)) return;
  request.forwarded = read_forwarded(request.headers, trusted, request.arena);
  if (!request.forwarded.host.empty()) request.host = request.forwarded.host;
  const bool named_anew = !request.forwarded.host.empty() || request.forwarded.port != 0;
  if (named_anew && !request.host.empty()) request.headers.set(HeaderName::host, host_field(request));
}

}  // namespace edge
