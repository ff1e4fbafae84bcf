// Routing: a linear look at a site's routes, which for tens of them is quicker than any tree, and allocates nothing.
#include "core/http/router.h"

#include <algorithm>
#include <utility>

#include "core/http/client_guard.h"
#include "core/trusted_proxies.h"

namespace edge {

namespace {

using NamedSite = std::pair<std::string, const Site*>;

std::string_view without_end_slash(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

/// The mount itself, or something below it. "/" is a mount of everything.
bool is_at_or_below(std::string_view path, std::string_view mount) {
  return path.starts_with(mount) && (path.size() == mount.size() || path[mount.size()] == '/');
}

/// How long a prefix of `path` the route names, plus one; 0 when it does not match or is no kind of prefix.
std::size_t prefix_rank(const RoutePath& route, std::string_view path) {
  switch (route.kind) {
    case RoutePath::Kind::prefix:
    case RoutePath::Kind::strong_prefix:
      return path.starts_with(route.path) ? route.path.size() + 1 : 0;
    case RoutePath::Kind::mount: {
      const std::string_view mount = without_end_slash(route.path);
      return is_at_or_below(path, mount) ? mount.size() + 1 : 0;
    }
    case RoutePath::Kind::exact:
    case RoutePath::Kind::pattern:
      return 0;
  }
  return 0;
}

const Route* first_pattern(const std::vector<Route>& routes, std::string_view path) {
  for (const Route& route : routes) {
    if (route.path.kind == RoutePath::Kind::pattern && route.path.pattern->matches(path)) return &route;
  }
  return nullptr;
}

std::string_view name_of(const NamedSite& named) {
  return named.first;
}
std::size_t size_of(const NamedSite& named) {
  return named.first.size();
}

/// Keeps `to` sorted by name; of two sites with one name the first stays.
void add_exact(std::vector<NamedSite>& to, const std::string& host, const Site& site) {
  const auto at = std::ranges::lower_bound(to, std::string_view(host), {}, name_of);
  if (at == to.end() || at->first != host) to.emplace(at, host, &site);
}

/// Keeps `to` sorted by length, the longest first; equals stay in the order in which they came.
void add_wildcard(std::vector<NamedSite>& to, std::string suffix, const Site& site) {
  const auto at = std::ranges::upper_bound(to, suffix.size(), std::ranges::greater(), size_of);
  to.emplace(at, std::move(suffix), &site);
}

/// Adds the access of the site and of its routes, each once. False: someone who is denied may be answered all the same.
bool gather_slots(const Site& site, std::vector<const AccessSlot*>& slots) {
  const auto add = [&slots](const Access& access) {
    if (!access.slot || access.answers) return false;
    if (std::ranges::find(slots, access.slot) == slots.end()) slots.push_back(access.slot);
    return true;
  };
  return add(site.access) && std::ranges::all_of(site.routes, add, &Route::access);
}

/// Whether somebody who is kept out is to have an answer.
bool answers_some(const Site& site) {
  const auto answers = [](const Access& access) { return access.answers; };
  return answers(site.access) || std::ranges::any_of(site.routes, answers, &Route::access);
}

}  // namespace

std::optional<bool> RoutePath::try_match(std::string_view request_path) const {
  if (kind == Kind::pattern) return pattern->try_match(request_path);
  return kind == Kind::exact ? request_path == path : prefix_rank(*this, request_path) > 0;
}

const Route* Site::route_for(std::string_view path) const {
  const Route* best = nullptr;
  std::size_t best_rank = 0;
  for (const Route& route : routes) {
    if (route.path.kind == RoutePath::Kind::exact && route.path.path == path) return &route;
    if (const std::size_t rank = prefix_rank(route.path, path); rank > best_rank) {
      best = &route;
      best_rank = rank;
    }
  }
  if (best && best->path.kind == RoutePath::Kind::strong_prefix) return best;
  const Route* const pattern = first_pattern(routes, path);
  return pattern ? pattern : best;
}

Router::Router(std::vector<std::unique_ptr<Site>> sites, std::shared_ptr<const TrustedProxies> trusted_proxies,
               ClientGuard* guard)
    : sites_(std::move(sites)), trusted_proxies_(std::move(trusted_proxies)), guard_(guard) {
  if (!std::ranges::all_of(sites_, [this](const auto& site) { return gather_slots(*site, slots_); })) slots_.clear();
  answers_some_ = std::ranges::any_of(sites_, [](const auto& site) { return answers_some(*site); });
  const Site* without_hosts = nullptr;
  for (const auto& site : sites_) {
    for (const std::string& host : site->hosts) {
      if (host.starts_with("*.")) {
        add_wildcard(wildcards_, host.substr(1), *site);
      } else {
        add_exact(exact_, host, *site);
      }
    }
    site->routes_decide =
        std::ranges::any_of(site->routes, [&](const Route& route) { return !(route.access == site->access); });
    if (site->is_default && !default_) default_ = site.get();
    if (site->hosts.empty() && !without_hosts) without_hosts = site.get();
  }
  if (!default_) default_ = without_hosts;
}

bool Router::turns_away(const Address& peer, std::uint64_t now) const {
  const bool banned = !answers_some_ && guard_ && guard_->bans(peer);
  const auto denies = [&peer](const AccessSlot* slot) { return slot->rules->denies(peer); };
  if (!banned && (slots_.empty() || !std::ranges::all_of(slots_, denies))) return false;
  if (trusted_proxies_ && trusted_proxies_->contains(peer)) return false;
  if (guard_) guard_->closed(peer, now);
  return true;
}

const Site* Router::site_for(std::string_view host) const {
  const auto exact = std::ranges::lower_bound(exact_, host, {}, name_of);
  if (exact != exact_.end() && exact->first == host) return exact->second;
  for (const auto& [suffix, site] : wildcards_) {
    if (host.size() > suffix.size() && host.ends_with(suffix)) return site;
  }
  return default_;
}

}  // namespace edge
