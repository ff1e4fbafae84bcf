// Asking the guard, then the access that holds for the path.
#include "core/http/access_check.h"

#include "core/http/client_guard.h"
#include "core/http/request.h"
#include "core/http/router.h"
#include "core/trusted_proxies.h"

namespace edge {

namespace {

bool is_trusted_proxy(const Router& router, const Address& client) {
  return router.trusted_proxies() && router.trusted_proxies()->contains(client);
}

Denial denied(const Request& request, const Router& router, bool answers) {
  if (router.guard()) router.guard()->refused(request.client(), request.host, request.loop.now());
  const bool came_by_proxy = request.forwarded.client.family != Address::Family::none;
  return answers || came_by_proxy ? Denial::answer : Denial::close;
}

const Access& access_of(const Request& request) {
  const Site& site = *request.site;
  const Route* const route = site.routes_decide ? site.route_for(request.path) : nullptr;
  return route ? route->access : site.access;
}

}  // namespace

bool is_banned(const Request& request, const Router& router) {
  const Address& client = request.client();
  return router.guard() && router.guard()->bans(client) && !is_trusted_proxy(router, client);
}

Denial denial_of(const Request& request, const Router& router) {
  const bool banned = is_banned(request, router);
  if (!request.site) return banned ? denied(request, router, false) : Denial::none;
  const Access& access = access_of(request);
  return banned || access.denies(request.client()) ? denied(request, router, access.answers) : Denial::none;
}

void count_for_bans(const Request& request, const Router& router) {
  if (!router.guard()) return;
  const Site& site = request.site ? *request.site : router.first();
  const auto& rules = request.route ? request.route->bans : site.bans;
  if (!rules || is_trusted_proxy(router, request.client())) return;
  router.guard()->answered(request.client(), request.sent.status, *rules, request.loop.now());
}

}  // namespace edge
