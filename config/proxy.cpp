// The handler `proxy` of a route.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/answers.h"
#include "config/routes.h"
#include "config/upstreams.h"
#include "core/http/field_syntax.h"

namespace edge::config {
namespace {

/// A pattern has no prefix that could be taken off.
void check_prefix(const Section& section, std::string_view key, const RoutePath& path) {
  if (path.kind != RoutePath::Kind::pattern) return;
  section.problem(key, "a route with a pattern has no prefix; remove this key, or give the route a plain path");
}

void read_paths(const Section& section, const RoutePath& path, ProxyRef& to) {
  section.read("strip_prefix", to.strip_prefix);
  if (to.strip_prefix) check_prefix(section, "strip_prefix", path);
  std::string replacement;
  section.read("replace_prefix", replacement);
  if (!section.given("replace_prefix")) return;
  if (std::exchange(to.strip_prefix, false) && section.given("strip_prefix")) {
    section.problem("replace_prefix", "goes without `strip_prefix`; remove one");
  }
  check_prefix(section, "replace_prefix", path);
  const bool is_path = replacement.starts_with('/') && std::ranges::all_of(replacement, [](char c) {
                         return c > ' ' && c < 0x7f && c != '?' && c != '#';
                       });
  if (!is_path) section.problem("replace_prefix", "expected a path that begins with /, escaped as in a URL");
  to.replace_prefix = std::move(replacement);
}

/// RFC 9110 7.8: a name, perhaps with a version.
bool is_protocol(std::string_view text) {
  const std::size_t slash = text.find('/');
  return is_token(text.substr(0, slash)) && (slash == text.npos || is_token(text.substr(slash + 1)));
}

bool has_tunnels(const std::vector<Upstream>& upstreams, const std::string& name) {
  const auto upstream = std::ranges::find(upstreams, name, &Upstream::name);
  return upstream == upstreams.end() || upstream->protocol == UpstreamProtocol::http ||
         upstream->protocol == UpstreamProtocol::https;
}

void read_upgrade(const Section& section, const std::vector<Upstream>& upstreams, ProxyRef& to) {
  const bool can = has_tunnels(upstreams, to.upstream);
  if (!can) to.upgrade.clear();
  if (!section.given("upgrade")) return;
  to.upgrade.clear();
  for (ListedText& protocol : section.texts("upgrade")) {
    const auto refuse = [&](std::string why) {
      section.loading().problems.add(protocol.place, protocol.path, quoted(protocol.text) + std::move(why));
    };
    if (!is_protocol(protocol.text)) {
      refuse(" is no name of a protocol; expected one such as websocket");
    } else if (same_name(protocol.text, "h2c") || same_name(protocol.text, "tls")) {
      refuse(" would carry requests that no rule, limit or log sees; edge speaks HTTP/2 and TLS itself (`listen`)");
    } else if (!can) {
      refuse(": only servers of http:// and https:// go over to another protocol; remove this key");
    }
    to.upgrade.push_back(std::move(protocol.text));
  }
}

void read_host(const Section& section, ProxyRef& to) {
  const Node* node = section.given("host");
  if (!node) return;
  section.read("host", to.host.emplace());
  const bool is_text = node->kind == Node::Kind::scalar && to.host->constant() && to.host->source() == node->text;
  if (is_text && !is_authority(node->text)) {
    section.problem("host", "expected a host such as www.example.com or www.example.com:8443");
  }
}

}  // namespace

void check_upstream(const Section& section, std::string_view key, const std::string& name,
                    const std::vector<Upstream>& upstreams) {
  if (name.empty() || section.loading().incomplete) return;
  if (std::ranges::find(upstreams, name, &Upstream::name) != upstreams.end()) return;
  std::vector<std::string_view> names;
  for (const Upstream& upstream : upstreams) names.push_back(upstream.name);
  report_no_such(section, key, "upstream", "upstreams", name, names);
}

ProxyRef read_proxy(const Section& route, const RoutePath& path, const std::vector<Upstream>& upstreams) {
  ProxyRef ref;
  ref.strip_prefix = path.kind == RoutePath::Kind::mount;  // who is mounted sees what is below, as an app does
  const Node* node = route.given("proxy");
  if (node->kind == Node::Kind::scalar) {
    ref.upstream = node->text;
    check_upstream(route, "proxy", ref.upstream, upstreams);
    if (!has_tunnels(upstreams, ref.upstream)) ref.upgrade.clear();
    return ref;
  }
  const Section section = route.inner("proxy", "sites[].routes[].proxy");
  section.read("to", ref.upstream);
  if (!section.given("to")) section.missing("to", "the upstream's name is missing");
  check_upstream(section, "to", ref.upstream, upstreams);
  read_paths(section, path, ref);
  read_host(section, ref);
  read_headers(section, ref.headers, HeadersOf::request);
  section.read("buffer_request", ref.buffer_request);
  section.read("buffer_response", ref.buffer_response);
  section.read("rewrite", ref.rewrite);
  read_upgrade(section, upstreams, ref);
  return ref;
}

}  // namespace edge::config
