// Which fields of a server's answer go to the client.
#include "proxy/answer_mapping.h"

#include <string>

#include "core/http/own_fields.h"

namespace edge {

namespace {

struct Url {
  std::string_view authority;  // empty: it is a path
  std::string_view path;       // with query and fragment
};

/// Nothing else than http, https and absolute paths leads back to edge.
std::optional<Url> parse_url(std::string_view text) {
  if (text.starts_with('/') && !text.starts_with("//")) return Url{{}, text};
  std::size_t begin = 2;  // "//host/…"
  if (!text.starts_with("//")) {
    const std::size_t colon = text.find("://");
    const std::string_view scheme = text.substr(0, colon == text.npos ? 0 : colon);
    if (!same_name(scheme, "http") && !same_name(scheme, "https")) return std::nullopt;
    begin = colon + 3;
  }
  const std::size_t path = std::min(text.find_first_of("/?#", begin), text.size());
  return Url{text.substr(begin, path - begin), text.substr(path)};
}

class Places {
 public:
  Places(const Request& request, const ForwardRules& rules, const UpstreamRequest& asked)
      : request_(request), rules_(rules), asked_(asked) {}

  /// As the client has to ask for it; nothing: as it is.
  std::optional<std::string_view> back(std::string_view location) const {
    const std::optional<Url> url = parse_url(location);
    if (!url) return std::nullopt;
    if (url->authority.empty()) return rules_.mapping.back(url->path, request_.arena);
    const std::string_view host = request_.headers.get(HeaderName::host);
    const bool of_server = same_name(url->authority, asked_.host) || same_name(url->authority, rules_.server);
    const bool of_client = same_name(url->authority, host);
    if ((!of_server && !of_client) || host.empty()) return std::nullopt;
    const std::optional<std::string_view> path = rules_.mapping.back(url->path, request_.arena);
    if (of_client && !path) return std::nullopt;
    std::string text(request_.scheme());
    text.append("://").append(host).append(path.value_or(url->path));
    return request_.arena.copy(text);
  }

  /// A Set-Cookie field whose Path is one of the server's; nothing: as it is.
  std::optional<std::string_view> cookie_back(std::string_view cookie) const {
    // Its Path must be / (RFC 6265bis 4.1.3.2), else browsers drop it.
    constexpr std::string_view kOfWholeHost = "__Host-";
    if (same_name(cookie.substr(0, kOfWholeHost.size()), kOfWholeHost)) return std::nullopt;
    // Of several the last holds (RFC 6265 5.3).
    std::size_t begin = cookie.npos;
    std::string_view path;
    for (std::size_t at = cookie.find(';'); at != cookie.npos; at = cookie.find(';', at + 1)) {
      const std::string_view attribute = cookie.substr(at + 1, cookie.find(';', at + 1) - at - 1);
      const std::size_t equals = attribute.find('=');
      if (equals == attribute.npos || !same_name(trimmed(attribute.substr(0, equals)), "Path")) continue;
      begin = at + 1;
      path = trimmed(attribute.substr(equals + 1));
    }
    if (begin == cookie.npos) return std::nullopt;
    const std::optional<std::string_view> of_client = rules_.mapping.back(path, request_.arena);
    if (!of_client) return std::nullopt;
    std::string text(cookie.substr(0, begin));
    text.append(" Path=").append(*of_client).append(cookie.substr(std::min(cookie.find(';', begin), cookie.size())));
    return request_.arena.copy(text);
  }

 private:
  const Request& request_;
  const ForwardRules& rules_;
  const UpstreamRequest& asked_;
};

/// What a server says to the one before it, and not to clients: X-Accel-Expires as well, which edge does not go by.
bool is_order(const HeaderField& field) {
  constexpr std::string_view kOrders = "X-Accel-";
  if (field.id == HeaderName::other) return same_name(field.name.substr(0, kOrders.size()), kOrders);
  return field.id == HeaderName::x_accel_redirect || field.id == HeaderName::x_sendfile ||
         field.id == HeaderName::x_accel_buffering;
}

std::string_view mapped(const Places& places, const HeaderField& field) {
  if (field.id == HeaderName::location) return places.back(field.value).value_or(field.value);
  if (field.id == HeaderName::set_cookie) return places.cookie_back(field.value).value_or(field.value);
  return field.value;
}

}  // namespace

AnswerOrders map_answer(const Request& request, const ForwardRules& rules, const UpstreamRequest& asked, bool rewrite,
                        const UpstreamCodec::Head& head, Response& to) {
  AnswerOrders orders;
  const bool may_differ = rewrite && (rules.mapping.changes() || rules.host);
  const Places places(request, rules, asked);
  to.status = head.status;
  to.reason = head.reason;
  for (const HeaderField& field : head.headers) {
    switch (field.id) {
      case HeaderName::x_accel_redirect:
        to.redirect = InternalRedirect{.to = InternalRedirect::To::path, .text = field.value};
        break;
      case HeaderName::x_sendfile:
        if (!to.redirect) to.redirect = InternalRedirect{.to = InternalRedirect::To::file, .text = field.value};
        break;
      case HeaderName::x_accel_buffering:
        orders.unbuffered = same_name(field.value, "no");
        break;
      default:
        if (!is_the_doors_own(field.id) && !is_order(field))
          to.headers.add({field.name, may_differ ? mapped(places, field) : field.value, field.id});
    }
  }
  return orders;
}

HeaderList without_orders(const HeaderList& headers) {
  HeaderList rest(headers.arena());
  for (const HeaderField& field : headers) {
    if (!is_order(field)) rest.add(field);
  }
  return rest;
}

}  // namespace edge
