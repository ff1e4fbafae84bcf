// Building a loop's routers and handlers from the snapshot.
#include "cmd/loop_edition.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "core/http/redirect_handler.h"
#include "core/http/return_handler.h"
#include "proxy/codec_of.h"
#include "proxy/proxy_handler.h"
#include "static/static_handler.h"

namespace edge {

namespace {

/// One overload a kind of handler: the list of all there are.
struct MakeHandler {
  Loop& loop;
  HotFiles& hot;
  const EditionParts& parts;
  const RoutePath& path;
  const HttpSettings& http;

  using Made = Result<std::unique_ptr<Handler>>;
  Made operator()(const config::StaticFiles& files) const { return StaticHandler::open(files, path, hot); }
  Made operator()(const config::Redirect& redirect) const {
    return std::make_unique<RedirectHandler>(redirect.to, redirect.status);
  }
  Made operator()(const config::Return& answer) const {
    return std::make_unique<ReturnHandler>(answer.status, answer.body, answer.type);
  }
  Made operator()(const config::AppRef& named) const {
    const EditionParts::App& app = parts.apps.at(named.app);
    const std::string mount = path.kind == RoutePath::Kind::mount ? path.path : std::string();
    std::unique_ptr<Handler> handler = app.pool->handler(loop, mount, named.cancel_on_disconnect);
    if (!named.static_auto) return handler;
    return std::make_unique<AppFoldersHandler>(app.folders->place(loop, hot, mount, http.compress), std::move(handler));
  }
  Made operator()(const config::ProxyRef& proxy) const {
    const std::shared_ptr<Upstream>& upstream = parts.upstreams.at(proxy.upstream);
    std::optional<std::string> prefix = proxy.replace_prefix;
    if (proxy.strip_prefix) prefix = "/";
    ProxySettings settings{
        .rules = {TargetMapping(path, std::move(prefix)), proxy.host, proxy.headers, authority_of(*upstream)},
        .buffer_request = proxy.buffer_request,
        .buffer_response = proxy.buffer_response,
        .rewrite = proxy.rewrite,
        .upgrade = proxy.upgrade,
        .spool_directory = parts.spool_directory};
    return std::make_unique<ProxyHandler>(Upstream::lane(upstream, static_cast<std::size_t>(loop.index())),
                                          std::move(settings));
  }
};

constexpr std::uint16_t kHttpsPort = 443;

/// Of the site's first address that speaks TLS.
std::uint16_t https_port(const config::Site& site) {
  const auto secure = std::ranges::find(site.listen, true, &config::Listen::tls);
  return secure == site.listen.end() || secure->address.port == 0 ? kHttpsPort : secure->address.port;
}

}  // namespace

class LoopEdition::Builder {
 public:
  Builder(const Place& place, const EditionParts& parts, LoopEdition& to)
      : loop_(place.loop), hot_(place.hot), guard_(place.guard), parts_(parts), to_(to) {}

  Result<void> build() {
    for (std::size_t i = 0; i < parts_.access->size(); ++i) {
      to_.access_.push_back(std::make_unique<AccessSlot>(AccessSlot{rules_of(parts_.access, i)}));
    }
    for (std::size_t i = 0; i < parts_.snapshot->sites.size(); ++i) {
      const config::Site& site = parts_.snapshot->sites[i];
      for (const config::Listen& listen : site.listen) {
        Result<std::unique_ptr<Site>> built = build_site(site);
        if (!built) return std::unexpected(std::move(built.error()));
        (*built)->tls = parts_.certificates->of_site(i);
        sites_of(listen).push_back(std::move(*built));
      }
    }
    for (auto& [listen, sites] : sites_) {
      const HttpFront front{listen.proxy_protocol, parts_.certificates->at(listen), listen.http2};
      to_.addresses_.push_back(
          {listen,
           {},
           std::make_unique<Router>(std::move(sites), to_.snapshot().process.trusted_proxies, &guard_),
           front});
    }
    for (const config::App& app : parts_.snapshot->apps) {
      if (app.socket) to_.addresses_.push_back({*app.socket, app.name, app_router(app)});
    }
    return {};
  }

 private:
  using Sites = std::vector<std::unique_ptr<Site>>;

  Sites& sites_of(const config::Listen& listen) {
    const auto at = std::ranges::find_if(sites_, [&listen](const auto& address) { return address.first == listen; });
    return at == sites_.end() ? sites_.emplace_back(listen, Sites()).second : at->second;
  }

  AccessLog* access_log(const std::optional<config::AccessTarget>& target) {
    if (!target) return nullptr;
    for (const SharedLog& shared : to_.access_logs_) {
      if (shared.target.path == target->path && shared.target.format == target->format) return shared.log.get();
    }
    LogFile& file = *parts_.logs.at(target->path);
    to_.access_logs_.push_back({*target, std::make_unique<AccessLog>(loop_, file, *target->format)});
    return to_.access_logs_.back().log.get();
  }

  Access access_of(const config::Guarding& guarding) const {
    if (!guarding.access) return {nullptr, guarding.answers};
    return {to_.access_[parts_.access->index_of(*guarding.access)].get(), guarding.answers};
  }

  /// One object for all that inherit the same.
  std::shared_ptr<const Limits> limits(const std::shared_ptr<const LimitSettings>& settings) {
    std::shared_ptr<const Limits>& made = limits_[settings];
    if (!made) made = parts_.limits->limits(settings);
    return made;
  }

  Result<std::unique_ptr<Site>> build_site(const config::Site& from) {
    auto site = std::make_unique<Site>();
    site->hosts = from.hosts;
    site->is_default = from.is_default;
    site->http = from.http;
    site->headers = from.headers;
    site->error_pages = from.error_pages;
    if (from.redirect_https) site->https_port = https_port(from);
    site->access_log = access_log(from.access);
    site->access = access_of(from.guarding);
    site->bans = from.guarding.bans;
    site->limits = limits(from.limits);
    for (const config::Route& route : from.routes) {
      auto handler = std::visit(MakeHandler{loop_, hot_, parts_, route.path, route.http}, route.handler);
      if (!handler) {
        Error error = handler.error();
        error.context = route.place.text() + ": " + error.context;
        return std::unexpected(std::move(error));
      }
      site->routes.push_back({route.path, route.http, route.headers, route.error_pages, access_log(route.access),
                              std::move(*handler), route.internal, route.expires, access_of(route.guarding),
                              route.guarding.bans, limits(route.limits)});
    }
    put_guards(from, {parts_.guards, parts_.upstreams, loop_}, *site);
    return site;
  }

  std::unique_ptr<const Router> app_router(const config::App& app) {
    const config::Snapshot& snapshot = *parts_.snapshot;
    auto site = std::make_unique<Site>();
    site->http = snapshot.http;
    site->http.compress.reset();  // the server in front does that, for clients that it knows
    site->access_log = access_log(snapshot.log.access);
    site->passes_redirects = true;
    Route route;
    route.path.path = "/";
    route.http = site->http;
    route.access_log = site->access_log;
    route.handler = parts_.apps.at(app.name).pool->handler(loop_, {});
    site->routes.push_back(std::move(route));
    Sites sites;
    sites.push_back(std::move(site));
    return std::make_unique<Router>(std::move(sites));
  }

  Loop& loop_;
  HotFiles& hot_;
  ClientGuard& guard_;
  const EditionParts& parts_;
  LoopEdition& to_;
  std::vector<std::pair<config::Listen, Sites>> sites_;
  std::map<std::shared_ptr<const LimitSettings>, std::shared_ptr<const Limits>> limits_;
};

Result<std::shared_ptr<const LoopEdition>> LoopEdition::build(const Place& place, const EditionParts& parts) {
  std::shared_ptr<LoopEdition> edition(new LoopEdition(parts));
  if (Result<void> built = Builder(place, parts, *edition).build(); !built) {
    return std::unexpected(std::move(built.error()));
  }
  return edition;
}

void LoopEdition::renew_access(const std::shared_ptr<const AccessLists>& lists) const {
  for (std::size_t i = 0; i < access_.size(); ++i) access_[i]->rules = rules_of(lists, i);
}

void LoopEdition::flush_logs() const {
  for (const SharedLog& shared : access_logs_) shared.log->flush();
}

}  // namespace edge
