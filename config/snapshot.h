// Snapshot: the whole configuration, typed, checked and immutable. Plain data that cmd builds objects from.
// Every path in it is absolute.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/place.h"
#include "config/upstream.h"
#include "core/access_log.h"
#include "core/address.h"
#include "core/address_set.h"
#include "core/duration.h"
#include "core/http/client_guard.h"
#include "core/http/router.h"
#include "core/http/settings.h"
#include "core/http/template.h"
#include "core/limits/limit_settings.h"
#include "core/net/tls_settings.h"
#include "core/result.h"
#include "core/trusted_proxies.h"

namespace edge::config {

struct Process {
  unsigned threads = 1;  // auto already resolved
  std::string user;
  std::string group;
  std::string pid_file;
  std::string runtime_dir;  // empty: a private folder that serve makes
  std::string control;      // the control socket; empty: at its default place
  Place control_place;      // where it is named
  std::uint64_t max_connections = 20'000;
  std::uint64_t hot_files = 32 << 20;      // bytes of each loop
  std::uint64_t limits_memory = 16 << 20;  // bytes
  Milliseconds shutdown_timeout{30'000};
  std::string state_dir;  // empty: bans are not kept over a restart
  std::uint64_t max_bans = 100'000;
  std::vector<std::string> trusted_proxies_text;          // as written
  std::shared_ptr<const TrustedProxies> trusted_proxies;  // null: none
};

struct AccessTarget {
  std::string path;  // "stdout", "stderr" or a path
  std::shared_ptr<const AccessFormat> format;
};

struct Log {
  LogLevel level = LogLevel::info;
  std::string error = "stderr";
  std::optional<AccessTarget> access;  // nothing: off
};

struct Listen {
  Place place;
  std::string text;  // as written
  Address address;   // family none: unix_path or inherited
  std::string unix_path;
  int inherited = -1;  // the number of a descriptor that this process was started with; -1: none
  int backlog = 4096;
  bool tls = false;
  bool http2 = false;           // over TLS by ALPN, else by prior knowledge
  bool proxy_protocol = false;  // from trusted proxies: every connection begins with its header

  /// False: what was written is no address, which was reported.
  bool is_set() const { return address.family != Address::Family::none || !unix_path.empty() || inherited >= 0; }
  bool operator==(const Listen& other) const {
    return address == other.address && unix_path == other.unix_path && inherited == other.inherited;
  }
};

struct App {
  std::string name;
  Place place;
  std::string module;  // dotted, without the callable; empty with wsgi_file
  std::string wsgi_file;
  std::string callable;  // empty: looked for
  std::string chdir;
  std::string virtualenv;  // empty: none
  std::string python = "auto";
  std::vector<std::string> python_path;
  std::map<std::string, std::string> env;
  unsigned processes = 2;  // at least so many workers
  unsigned most_processes = 2;
  Milliseconds idle{60'000};         // a worker above `processes` ends after so long without work
  unsigned threads = 1;              // WSGI
  std::string interface = "auto";    // or wsgi, asgi
  std::uint32_t concurrency = 1000;  // ASGI: requests in a worker at the same time
  bool preload = true;
  std::uint32_t queue = 1000;
  Milliseconds queue_timeout{30'000};
  std::uint32_t depth = 32;
  Milliseconds request_timeout{60'000};
  Milliseconds start_timeout{60'000};
  std::uint64_t max_requests = 0;  // 0: no limit
  std::uint64_t max_memory = 0;    // bytes of resident memory of a worker; 0: no limit
  std::string user;                // empty: the edge's
  std::string group;               // empty: the user's own
  Milliseconds restart_delay{100};
  Milliseconds restart_max_delay{10'000};
  Milliseconds shutdown_timeout{60'000};
  std::optional<Listen> socket;  // serves the plain uwsgi protocol too
  unsigned socket_mode = 0660;
  std::vector<std::string> reload_on;   // absolute paths or patterns
  std::vector<std::string> site_files;  // that the configuration was read from: no part of the app, no setting

  /// The same settings, wherever they stand, of all that its processes go by: its socket is edge's.
  bool operator==(const App& other) const;
};

/// A named list of addresses.
struct AddressList {
  Place place;
  std::vector<AddressRange> addresses;
  std::string file;  // that holds more of them; empty: none
  Place file_place;
};

/// The entries of `deny` or `allow`.
struct AddressEntries {
  std::vector<AddressRange> ranges;
  std::vector<std::string> lists;  // names; each is in the snapshot

  bool empty() const { return ranges.empty() && lists.empty(); }
  bool operator==(const AddressEntries&) const = default;
};

/// Whom a site or a route serves. Equal ones are one object where they are inherited.
struct AccessSettings {
  AddressEntries deny;
  AddressEntries allow;  // not empty: nobody else is served
  bool operator==(const AccessSettings&) const = default;
};

/// What is inherited from `http` to sites and to routes.
struct Guarding {
  std::shared_ptr<const AccessSettings> access;        // null: everyone is served
  bool answers = false;                                // those who are denied, with a 403; else they are closed
  std::shared_ptr<const std::vector<BanRule>> bans{};  // null: none
};

/// Which symbolic links below a directory are followed.
enum class Links : std::uint8_t {
  inside,  // those that do not lead out of it
  always,  // all: whoever may make links there may have any file served
  never,   // none
};

/// The files that `try` names, and what answers when there is none of them.
struct TryFiles {
  struct Candidate {
    Template path;
    bool folder = false;  // is to be a folder, not a file
  };
  std::vector<Candidate> files;  // empty: there is no `try`
  int status = 0;                // of the answer; 0: the route of `path` answers
  Template path;
  Template query;
  bool has_query = false;
};

struct StaticFiles {
  std::string directory;
  bool strip_prefix = true;
  std::vector<std::string> index{"index.html"};
  TryFiles tried;
  bool list = false;
  bool precompressed = false;
  bool hidden_files = false;
  Links links = Links::inside;
  std::map<std::string, std::string> types;  // from an extension without its dot
};

struct Redirect {
  Template to;
  int status = 302;
};

struct Return {
  int status = 200;
  Template body;
  std::string type = "text/plain";
};

struct AppRef {
  std::string app;
  bool static_auto = false;  // edge serves the files of the folders that the app itself names
  bool cancel_on_disconnect = false;
};

struct BasicAuth {
  Place place;
  std::string realm;
  std::string users_file;
};

/// A server of an upstream decides who passes.
struct AuthRequest {
  Place place;
  std::string upstream;
  std::string uri = "/";             // path and query that it is asked for
  std::vector<std::string> headers;  // of its answer, for the request
  std::string user;                  // the header that names the user; empty: none
  Milliseconds timeout{5'000};       // for all of it
};

struct Route {
  Place place;
  RoutePath path;
  HttpSettings http;
  std::vector<HeaderRule> headers;  // the site's, with the route's added
  std::vector<ErrorPage> error_pages;
  std::optional<AccessTarget> access;  // nothing: off
  bool internal = false;               // only error pages, X-Accel-Redirect and `try` lead there
  Expires expires;
  Guarding guarding;
  std::shared_ptr<const LimitSettings> limits;  // the same object where it is inherited; null: none
  std::optional<BasicAuth> basic_auth;          // nothing: nobody is asked
  std::optional<AuthRequest> auth_request;      // the same
  std::variant<StaticFiles, Redirect, Return, AppRef, ProxyRef> handler;
};

struct Site {
  Place place;
  std::vector<std::string> hosts;  // lower case; empty: every host
  bool is_default = false;
  std::vector<Listen> listen;
  std::optional<TlsSettings> tls;
  Place tls_place;
  bool redirect_https = false;
  HttpSettings http;
  std::vector<HeaderRule> headers;
  std::vector<ErrorPage> error_pages;
  std::optional<AccessTarget> access;
  Guarding guarding;
  std::shared_ptr<const LimitSettings> limits;  // null: none
  std::optional<BasicAuth> basic_auth;
  std::optional<AuthRequest> auth_request;
  std::vector<Route> routes;
};

struct Snapshot {
  std::string file;  // the main file, absolute
  Process process;
  Log log;
  HttpSettings http;  // of the top level: what holds on the apps' own sockets
  std::map<std::string, AddressList> lists;
  std::vector<App> apps;
  std::vector<Upstream> upstreams;
  std::vector<Site> sites;
  /// What stands in each section but that of the apps, without its layout: equal texts mean the same. For a reload.
  std::map<std::string, std::string> sections;
};

}  // namespace edge::config
