// Sites: hosts, and all that routes inherit.
#include "config/sites.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "config/access.h"
#include "config/answers.h"
#include "config/auth_request.h"
#include "config/basic_auth.h"
#include "config/limits.h"
#include "config/listen.h"
#include "config/process.h"
#include "config/tls.h"

namespace edge::config {
namespace {

/// Lower case; empty when it is no name that a request can have (RFC 9110 4.2.3, without the port).
std::string normal_host(std::string_view text) {
  constexpr std::size_t kLongestHost = 255;
  std::string host(text);
  for (char& c : host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (host.starts_with('[')) {
    const Result<Address> address = Address::parse(host + ":0");
    return address ? host : std::string();
  }
  std::string_view name = host;
  if (name.starts_with("*.")) name.remove_prefix(2);
  const bool fits = !name.empty() && host.size() <= kLongestHost && !name.starts_with('.') && !name.ends_with('.') &&
                    name.find("..") == std::string_view::npos && std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
                    });
  return fits ? host : std::string();
}

std::string host_advice(std::string_view text) {
  if (text == "*") return "to answer every host, leave `host` out";
  if (text.starts_with('.')) return fmt::format("name both: {} and *{}", text.substr(1), text);
  if (text.find(':') != std::string_view::npos) return "the port belongs to `listen`";
  return "expected a name such as example.com (xn--… for other letters), or *.example.com";
}

void read_hosts(const Section& section, Site& site, SiteClaims& claims) {
  for (ListedText& given : section.texts("host")) {
    std::string host = normal_host(given.text);
    if (host.empty()) {
      section.loading().problems.add(given.place, given.path,
                                     fmt::format("{} is no host; {}", quoted(given.text), host_advice(given.text)));
      continue;
    }
    site.hosts.push_back(std::move(host));
    claims.hosts.push_back(std::move(given.place));
  }
}

/// A site whose hosts are all wrong must not be taken for one that answers every host.
bool hosts_are_known(const Section& section, const Site& site) {
  return !section.given("host") || !site.hosts.empty();
}

Site load_site(const Section& section, const HttpSettings& http, const RouteContext& context, SiteClaims& claims) {
  Site site;
  site.place = section.place();
  site.http = http;
  read_hosts(section, site, claims);
  section.read("default", site.is_default);
  claims.is_default = section.place_of("default");
  site.listen = load_listen(section, claims);
  site.tls = load_tls(section);
  site.tls_place = section.place_of("tls");
  section.read("redirect_https", site.redirect_https);
  check_tls(section, site);
  read_connection_settings(section, site.http);
  read_exchange_settings(section, site.http);
  for (const Key& key : connection_keys()) {
    if (section.given(key.name)) claims.connection_keys.emplace_back(key.name, section.place_of(key.name));
  }
  read_headers(section, site.headers);
  read_error_pages(section, site.error_pages);
  site.access = read_access(section, "access_log", context.access_base, context.access_base);
  site.guarding = context.guarding;
  read_guarding(section, context.lists, site.guarding);
  site.limits = context.limits;
  read_limits(section, limit_scope(site), site.limits);
  site.basic_auth = read_basic_auth(section, std::nullopt);
  site.auth_request = read_auth_request(section, context.upstreams, std::nullopt);
  site.routes = load_routes(section, site, context);
  return site;
}

}  // namespace

std::vector<Site> load_sites(const Section& top, const HttpSettings& http, const RouteContext& context) {
  std::vector<Site> sites;
  std::vector<SiteClaims> claims;
  std::vector<std::string> paths;
  std::vector<bool> comparable;
  const Node* list = top.given_list("sites");
  if (!list) return sites;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = *list->items[i];
    const std::string path = item_path("sites", i);
    if (item.kind != Node::Kind::map) {
      top.loading().problems.add(item.place, path, "expected a site, such as {routes: [{path: /, app: NAME}]}");
      continue;
    }
    const Section section(top.loading(), "sites[]", path, item.place, &item);
    claims.emplace_back();
    sites.push_back(load_site(section, http, context, claims.back()));
    paths.push_back(path);
    comparable.push_back(hosts_are_known(section, sites.back()));
  }
  AddressChecks checks(top.loading().problems);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (comparable[i]) checks.add(sites[i], claims[i], paths[i]);
  }
  return sites;
}

}  // namespace edge::config
