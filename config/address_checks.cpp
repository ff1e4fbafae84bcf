// What sites that share an address must not contradict each other in.
#include <fmt/format.h>

#include "config/listen.h"

namespace edge::config {
namespace {

/// Equal for equal addresses; empty for one that could not be read.
std::string identity(const Listen& listen) {
  if (!listen.unix_path.empty()) return "unix:" + listen.unix_path;
  if (listen.inherited >= 0) return fmt::format("fd:{}", listen.inherited);
  if (listen.address.family == Address::Family::none) return {};
  std::string result = fmt::format("{}:{}:", static_cast<int>(listen.address.family), listen.address.port);
  for (const std::uint8_t byte : listen.address.bytes) result += static_cast<char>(byte);
  return result;
}

bool differs(const HttpSettings& a, const HttpSettings& b, std::string_view key) {
  if (key == "header_timeout") return a.header_timeout != b.header_timeout;
  if (key == "keepalive_timeout") return a.keepalive_timeout != b.keepalive_timeout;
  if (key == "max_header_size") return a.max_header_size != b.max_header_size;
  if (key == "max_headers") return a.max_headers != b.max_headers;
  return a.max_uri != b.max_uri;
}

}  // namespace

void AddressChecks::add(Site& site, const SiteClaims& claims, const std::string& path) {
  for (std::size_t i = 0; i < site.listen.size(); ++i) {
    Listen& listen = site.listen[i];
    const std::string key = identity(listen);
    if (key.empty()) continue;
    const auto [found, is_first] = uses_.try_emplace(key);
    Use& use = found->second;
    if (is_first) {
      use.text = listen.text;
      use.first = site.place;
      use.http = site.http;
      use.backlog = listen.backlog;
      use.first_listen = listen;
    }
    check_speech(use, listen, path);
    check_hosts(use, site, claims, path);
    check_backlog(use, listen, claims.backlogs[i], path);
    if (!is_first) check_limits(use, site, claims, path);
  }
}

void AddressChecks::check_hosts(Use& use, const Site& site, const SiteClaims& claims, const std::string& path) {
  const auto claim = [&](const std::string& host, const Place& place, const std::string& what) {
    const auto [earlier, is_new] = use.hosts.try_emplace(host, place);
    if (is_new) return;
    problems_.add(place, path + ".host",
                  fmt::format("{} on {} is answered by the site at {} already; change one of them", what, use.text,
                              earlier->second.text()));
  };
  for (std::size_t i = 0; i < site.hosts.size(); ++i) claim(site.hosts[i], claims.hosts[i], quoted(site.hosts[i]));
  if (site.hosts.empty()) claim({}, site.place, "every host");
  if (!site.is_default) return;
  if (use.is_default.line == 0) {
    use.is_default = claims.is_default;
    return;
  }
  problems_.add(claims.is_default, path + ".default",
                fmt::format("{} has a default site at {} already; keep one", use.text, use.is_default.text()));
}

void AddressChecks::check_speech(const Use& use, const Listen& listen, const std::string& path) {
  const auto differs = [&](std::string_view key, bool first, bool here) {
    if (first == here) return;
    problems_.add(listen.place, path + ".listen",
                  fmt::format("{} has {}: {} at {}; every site on an address must say the same", use.text, key, first,
                              use.first_listen.place.text()));
  };
  differs("tls", use.first_listen.tls, listen.tls);
  if (use.first_listen.tls == listen.tls) differs("http2", use.first_listen.http2, listen.http2);
  differs("proxy_protocol", use.first_listen.proxy_protocol, listen.proxy_protocol);
}

void AddressChecks::check_backlog(Use& use, Listen& listen, const Place& given, const std::string& path) {
  use.listens.push_back(&listen);
  if (given.line == 0) {
    listen.backlog = use.backlog;
    return;
  }
  if (use.backlog_given.line == 0) {
    use.backlog_given = given;
    use.backlog = listen.backlog;
    for (Listen* other : use.listens) other->backlog = use.backlog;
  } else if (use.backlog != listen.backlog) {
    problems_.add(given, path + ".listen",
                  fmt::format("{} has another backlog at {}; give the same, or give it once", use.text,
                              use.backlog_given.text()));
  }
}

void AddressChecks::check_limits(const Use& use, const Site& site, const SiteClaims& claims, const std::string& path) {
  for (const auto& [key, place] : claims.connection_keys) {
    if (!differs(site.http, use.http, key)) continue;
    problems_.add(place, key_path(path, key),
                  fmt::format("holds while no host is known, so the first site on {} decides, which is at {}; give it "
                              "there or under `http`",
                              use.text, use.first.text()));
  }
}

}  // namespace edge::config
