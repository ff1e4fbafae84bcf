// The URL of an upstream's server: scheme, then host and port, or the path of a socket.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "config/upstreams.h"

namespace edge::config {
namespace {

struct Scheme {
  std::string_view name;
  UpstreamProtocol protocol;
  std::uint16_t port;  // 0: must be given
};

constexpr std::array<Scheme, 4> kSchemes = {{{"http", UpstreamProtocol::http, 80},
                                             {"https", UpstreamProtocol::https, 443},
                                             {"uwsgi", UpstreamProtocol::uwsgi, 0},
                                             {"fastcgi", UpstreamProtocol::fastcgi, 0}}};
constexpr std::size_t kLongestUnixPath = 107;  // sockaddr_un's sun_path less its final NUL
constexpr std::size_t kLongestHost = 253;

std::string take_socket(std::string_view path, UpstreamServer& to) {
  if (path.size() < 2 || path[0] != '/') return "the path of the socket is missing; expected unix:/path";
  if (path.size() > kLongestUnixPath) return fmt::format("the path of a socket has at most {} bytes", kLongestUnixPath);
  to.unix_path = path;
  return {};
}

std::string take_port(std::string_view text, std::uint16_t& to) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), to);
  const bool is_port = failed == std::errc() && end == text.data() + text.size() && to > 0;
  return is_port ? std::string() : fmt::format("{} is no port; expected 1 to 65535", quoted(text));
}

std::string take_host(std::string_view authority, const Scheme& scheme, UpstreamServer& to) {
  std::string_view host = authority;
  std::string_view port;
  bool has_port = false;
  const std::size_t closing = authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
  const std::size_t colon = authority.find(':', closing == std::string_view::npos ? 0 : closing);
  if (colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    has_port = true;
  }
  if (authority.starts_with('[')) {
    if (!host.ends_with(']') || !Address::from_ip(host.substr(1, host.size() - 2))) {
      return fmt::format("{} is no IPv6 address in brackets", quoted(host));
    }
    host = host.substr(1, host.size() - 2);
  } else if (!is_host_name(host)) {
    return fmt::format("{} is no host; expected a name, an IPv4 address, or an IPv6 address in brackets", quoted(host));
  }
  to.host = host;
  to.port = scheme.port;
  if (has_port) return take_port(port, to.port);
  if (scheme.port == 0) return fmt::format("{} has no usual port; add one, such as {}:3031", scheme.name, host);
  return {};
}

}  // namespace

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestHost && !text.starts_with('.') &&
         text.find("..") == std::string_view::npos && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_';
         });
}

std::string parse_server_url(std::string_view text, UpstreamServer& to, UpstreamProtocol& protocol) {
  const std::size_t end = text.find("://");
  const auto scheme = std::ranges::find(kSchemes, text.substr(0, std::min(end, text.size())), &Scheme::name);
  if (end == std::string_view::npos || scheme == kSchemes.end()) {
    return fmt::format(
        "{} is no URL of a server; expected one such as http://10.0.0.5:8000, https://, uwsgi://, "
        "fastcgi:// or http://unix:/path",
        quoted(text));
  }
  protocol = scheme->protocol;
  std::string_view rest = text.substr(end + 3);
  if (rest.starts_with("unix:")) return take_socket(rest.substr(5), to);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@") != std::string_view::npos) {
    return "a server is a scheme, a host and a port; a path belongs to the route (`proxy: {replace_prefix: …}`)";
  }
  return take_host(rest, *scheme, to);
}

}  // namespace edge::config
