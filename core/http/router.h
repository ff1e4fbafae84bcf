// Router: host to site, path to route, with nginx's precedence. Built once a loop from the snapshot, then constant.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/filters/expires.h"
#include "core/http/access.h"
#include "core/http/guards.h"
#include "core/http/handler.h"
#include "core/http/pattern.h"
#include "core/http/settings.h"
#include "core/http/template.h"

namespace edge {

class AccessLog;
class ClientGuard;
class Limits;
class TlsContext;
struct BanRule;
struct TrustedProxies;

/// "/p/", "= /p", "^~ /p/", "~ re", "~* re", or a mount ("/shop": /shop and /shop/…).
struct RoutePath {
  enum class Kind : std::uint8_t { prefix, exact, strong_prefix, pattern, mount };
  Kind kind = Kind::prefix;
  std::string path;  // without the sign; for a pattern its source
  std::shared_ptr<const Pattern> pattern;

  /// By itself, whatever other routes there are. Nothing when its pattern was given up.
  std::optional<bool> try_match(std::string_view request_path) const;
};

/// A header that configuration adds to every answer, or removes (no value).
struct HeaderRule {
  std::string name;
  std::optional<Template> value;
};

/// From a status to the path that answers in its place.
struct ErrorPage {
  int first = 0;
  int last = 0;  // inclusive
  std::string path;
};

struct Route {
  RoutePath path;
  HttpSettings http;
  std::vector<HeaderRule> headers;
  std::vector<ErrorPage> error_pages;
  AccessLog* access_log = nullptr;  // null: off. Of this loop.
  std::unique_ptr<Handler> handler;
  bool internal = false;  // only error pages and redirects within edge lead there; to a client it is no route
  Expires expires;
  Access access{};
  std::shared_ptr<const std::vector<BanRule>> bans{};  // null: none
  std::shared_ptr<const Limits> limits;                // null: none
  Guards guards{};
};

struct Site {
  std::vector<std::string> hosts;  // exact or "*.example.com", lower case; empty: every host
  bool is_default = false;
  HttpSettings http;
  std::vector<HeaderRule> headers;
  std::vector<ErrorPage> error_pages;
  AccessLog* access_log = nullptr;
  std::shared_ptr<const TlsContext> tls;    // null: none
  std::optional<std::uint16_t> https_port;  // where requests without TLS are sent to; nothing: they are answered
  bool passes_redirects = false;            // X-Accel-Redirect and X-Sendfile are for the server in front
  Access access{};
  std::shared_ptr<const std::vector<BanRule>> bans{};
  std::shared_ptr<const Limits> limits;  // where no route is found; null: none
  std::vector<Route> routes;
  bool routes_decide = false;  // some route has other access than the site; the router sees to it
  Guards guards{};             // of requests that no route answers

  /// The route for a normalised path, or null: exact, then the longest prefix if "^~", then the first pattern that
  /// matches, then the longest prefix.
  const Route* route_for(std::string_view path) const;
};

/// The sites of one listening address.
class Router {
 public:
  /// Of `trusted_proxies` X-Forwarded-* and Forwarded are believed; null: of nobody. `guard`, of the loop, outlives the
  /// router; null: nobody is banned here.
  explicit Router(std::vector<std::unique_ptr<Site>> sites,
                  std::shared_ptr<const TrustedProxies> trusted_proxies = nullptr, ClientGuard* guard = nullptr);

  /// `host` is lower case and without port. Exact beats the longest wildcard beats the default site (the one that
  /// says so, else the first without hosts); null when no site answers that host.
  const Site* site_for(std::string_view host) const;
  /// The site whose limits hold while the host is not known yet, and whose error pages answer what cannot be parsed.
  const Site& first() const { return *sites_.front(); }
  const TrustedProxies* trusted_proxies() const { return trusted_proxies_.get(); }
  ClientGuard* guard() const { return guard_; }
  /// Whether nothing of a connection is to be read: its other end is banned, and no site or route answers such a one,
  /// or it is denied without an answer by every site and route. Never for a trusted proxy, whose clients are told
  /// later. It counts and is told of. `now`: Loop::now().
  bool turns_away(const Address& peer, std::uint64_t now) const;

 private:
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<std::pair<std::string, const Site*>> exact_;      // sorted by name
  std::vector<std::pair<std::string, const Site*>> wildcards_;  // ".example.com", the longest first
  const Site* default_ = nullptr;
  std::shared_ptr<const TrustedProxies> trusted_proxies_;
  ClientGuard* guard_;
  std::vector<const AccessSlot*> slots_;  // each once; empty: some site or route answers everyone
  bool answers_some_ = false;             // of those who are kept out
};

}  // namespace edge
