// One event-loop thread: its routers and handlers are built here, from the snapshot.
#include "cmd/edge_loop.h"

#include <sched.h>

#include <algorithm>

#include "appserver/app_pool.h"
#include "core/http/redirect_handler.h"
#include "core/http/return_handler.h"
#include "static/static_handler.h"

namespace edge {

EdgeLoop::EdgeLoop(int index, ConnectionLimit& limit) : loop_(index), door_(loop_, limit) {}

EdgeLoop::~EdgeLoop() = default;

namespace {

using Pools = std::vector<std::unique_ptr<AppPool>>;

AppPool& pool_of(const Pools& pools, const std::string& name) {
  return **std::find_if(pools.begin(), pools.end(), [&name](const auto& pool) { return pool->name() == name; });
}

/// One overload a kind of handler: the list of all there are.
struct MakeHandler {
  Loop& loop;
  const RoutePath& path;
  const Pools& pools;
  HotFiles& hot_files;
  std::vector<EdgeLoop::FoldersRoute>& folders_routes;

  using Made = Result<std::unique_ptr<Handler>>;
  Made operator()(const config::StaticFiles& files) const { return StaticHandler::open(files, path, hot_files); }
  Made operator()(const config::Redirect& redirect) const {
    return std::make_unique<RedirectHandler>(redirect.to, redirect.status);
  }
  Made operator()(const config::Return& answer) const {
    return std::make_unique<ReturnHandler>(answer.status, answer.body, answer.type);
  }
  Made operator()(const config::AppRef& app) const {
    const std::string mount = path.kind == RoutePath::Kind::mount ? path.path : std::string();
    std::unique_ptr<Handler> handler = pool_of(pools, app.app).handler(loop, mount, app.cancel_on_disconnect);
    if (!app.static_auto) return handler;
    auto with_folders = std::make_unique<AppFoldersHandler>(loop, hot_files, mount, std::move(handler));
    folders_routes.push_back({app.app, with_folders.get()});
    return with_folders;
  }
};

}  // namespace

Result<AccessLog*> EdgeLoop::access_log(const std::optional<config::AccessTarget>& target, LogFiles& files) {
  if (!target) return nullptr;
  for (const SharedLog& shared : access_logs_) {
    if (shared.target.path == target->path && shared.target.format == target->format) return shared.log.get();
  }
  const Result<LogFile*> file = files.open(target->path);
  if (!file) return std::unexpected(file.error());
  access_logs_.push_back({*target, std::make_unique<AccessLog>(loop_, **file, *target->format)});
  return access_logs_.back().log.get();
}

Result<std::unique_ptr<Site>> EdgeLoop::build_site(const config::Site& from, LogFiles& files, const Pools& pools) {
  auto site = std::make_unique<Site>();
  site->hosts = from.hosts;
  site->is_default = from.is_default;
  site->http = from.http;
  site->headers = from.headers;
  site->error_pages = from.error_pages;
  const Result<AccessLog*> site_log = access_log(from.access, files);
  if (!site_log) return std::unexpected(site_log.error());
  site->access_log = *site_log;
  for (const config::Route& route : from.routes) {
    const MakeHandler make{loop_, route.path, pools, *hot_files_, folders_routes_};
    auto handler = std::visit(make, route.handler);
    if (!handler) {
      Error error = handler.error();
      error.context = route.place.text() + ": " + error.context;
      return std::unexpected(std::move(error));
    }
    const Result<AccessLog*> log = access_log(route.access, files);
    if (!log) return std::unexpected(log.error());
    site->routes.push_back({route.path, route.http, route.headers, route.error_pages, *log, std::move(*handler),
                            route.internal, route.expires});
  }
  return site;
}

Result<void> EdgeLoop::build(const config::Snapshot& snapshot, LogFiles& files, const Pools& pools) {
  using Sites = std::vector<std::unique_ptr<Site>>;
  hot_files_ = std::make_unique<HotFiles>(snapshot.process.hot_files);
  std::vector<std::pair<config::Listen, Sites>> addresses;
  for (const config::Site& site : snapshot.sites) {
    for (const config::Listen& listen : site.listen) {
      Result<std::unique_ptr<Site>> built = build_site(site, files, pools);
      if (!built) return std::unexpected(built.error());
      auto at = std::find_if(addresses.begin(), addresses.end(), [&](const auto& a) { return a.first == listen; });
      auto& sites = at == addresses.end() ? addresses.emplace_back(listen, Sites()).second : at->second;
      sites.push_back(std::move(*built));
    }
  }
  for (auto& [listen, sites] : addresses) {
    routers_.push_back({listen, std::make_shared<Router>(std::move(sites), snapshot.process.trusted_proxies)});
  }
  return build_app_sockets(snapshot, files, pools);
}

Result<void> EdgeLoop::build_app_sockets(const config::Snapshot& snapshot, LogFiles& files, const Pools& pools) {
  for (const config::App& app : snapshot.apps) {
    if (!app.socket) continue;
    const Result<AccessLog*> log = access_log(snapshot.log.access, files);
    if (!log) return std::unexpected(log.error());
    auto site = std::make_unique<Site>();
    site->http = snapshot.http;
    site->http.compress.reset();  // the server in front does that, for clients that it knows
    site->access_log = *log;
    site->passes_redirects = true;
    Route route;
    route.path.path = "/";
    route.http = site->http;
    route.access_log = *log;
    route.handler = pool_of(pools, app.name).handler(loop_, {});
    site->routes.push_back(std::move(route));
    std::vector<std::unique_ptr<Site>> sites;
    sites.push_back(std::move(site));
    app_sockets_.push_back({&app, std::make_shared<Router>(std::move(sites)), nullptr});
  }
  return {};
}

void EdgeLoop::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("edge loop " + std::to_string(loop_.index())).c_str());
    // A loop that wakes does not push aside the worker that woke it: answers of short requests then leave several at a
    // time, which costs a tenth less CPU for a Flask route, for up to a tick of the scheduler where every CPU is busy.
    const sched_param none{};
    sched_setscheduler(0, SCHED_BATCH, &none);
    loop_.run();
  });
}

void EdgeLoop::listen(std::vector<OpenListener> listeners) {
  loop_.post([this, opened = std::move(listeners)]() mutable {
    const auto http = std::ranges::find_if(opened, [](const OpenListener& listener) { return !listener.app; });
    const std::string url = http == opened.end() ? std::string() : http->url();
    for (OpenListener& listener : opened) {
      if (listener.app) {
        listen_for_app(std::move(listener), url);
        continue;
      }
      const auto at = std::find_if(routers_.begin(), routers_.end(),
                                   [&](const AddressRouter& r) { return r.listen == *listener.listen; });
      if (!at->entrance) at->entrance = &door_.open(at->router);
      door_.listen(*at->entrance, std::move(listener.socket), listener.address);
    }
  });
}

void EdgeLoop::listen_for_app(OpenListener listener, const std::string& http) {
  const auto at = std::ranges::find_if(app_sockets_, [&](const AppSocket& s) { return s.app == listener.app; });
  at->protocol = std::make_unique<uwsgi::PublicSocket>(loop_, listener.app->name, http);
  door_.listen(door_.open(at->router, *at->protocol), std::move(listener.socket), listener.address);
}

void EdgeLoop::drain(std::move_only_function<void()> done) {
  loop_.post([this, then = std::move(done)]() mutable { door_.stop(std::move(then)); });
}

void EdgeLoop::kill() {
  loop_.post([this] { door_.kill(); });
}

void EdgeLoop::flush_logs(std::move_only_function<void()> done) {
  loop_.post([this, then = std::move(done)]() mutable {
    for (const SharedLog& shared : access_logs_) shared.log->flush();
    then();
  });
}

void EdgeLoop::join() {
  if (!thread_.joinable()) return;
  flush_logs([this] { loop_.stop(); });
  thread_.join();
}

}  // namespace edge
