// Rules and authorizers of a site and of each of its routes.
#include "cmd/route_guards.h"

#include <algorithm>
#include <vector>

#include "core/access/basic_auth.h"
#include "core/http/probe_rules.h"
#include "core/http/request_rules.h"
#include "proxy/auth_request.h"

namespace edge {

namespace {

bool has_php(const config::Site& site) {
  return std::ranges::any_of(
      site.routes, [](const config::Route& route) { return route.path.path.find("php") != std::string::npos; });
}

/// Null: none.
std::shared_ptr<const RequestRules> rules_of(const HttpSettings& http, bool site_has_php) {
  std::vector<std::shared_ptr<const RequestRule>> rules;
  if (http.protect_probes) rules = probe_rules(site_has_php);
  rules.insert(rules.end(), http.rules.begin(), http.rules.end());
  if (rules.empty()) return nullptr;
  return std::make_shared<const RequestRules>(std::move(rules), http.rules_body);
}

Guards make(const HttpSettings& http, const std::optional<config::BasicAuth>& auth,
            const std::optional<config::AuthRequest>& asked, bool site_has_php, const GuardPlace& place) {
  const GuardParts& parts = place.parts;
  Guards guards;
  guards.rules = rules_of(http, site_has_php);
  if (auth) {
    guards.authorizers.push_back(
        std::make_unique<BasicAuth>(auth->realm, parts.users_files.at(auth->users_file), parts.password_checks));
  }
  if (asked) {
    const auto loop = static_cast<std::size_t>(place.loop.index());
    guards.authorizers.push_back(
        std::make_unique<AuthRequest>(Upstream::lane(place.upstreams.at(asked->upstream), loop), *asked));
  }
  return guards;
}

}  // namespace

void put_guards(const config::Site& from, const GuardPlace& place, Site& to) {
  const bool site_has_php = has_php(from);
  to.guards = make(from.http, from.basic_auth, from.auth_request, site_has_php, place);
  bool tags = to.guards.rules && to.guards.rules->tags();
  for (std::size_t i = 0; i < from.routes.size(); ++i) {
    const config::Route& route = from.routes[i];
    to.routes[i].guards = make(route.http, route.basic_auth, route.auth_request, site_has_php, place);
    tags = tags || (to.routes[i].guards.rules && to.routes[i].guards.rules->tags());
  }
  to.guards.tags = tags;
  for (Route& route : to.routes) route.guards.tags = tags;
}

}  // namespace edge
