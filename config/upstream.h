// Upstream: the typed settings of `upstreams`, and of routes that pass requests there. Part of the snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/place.h"
#include "core/duration.h"
#include "core/http/router.h"
#include "core/http/template.h"

namespace edge::config {

/// What the servers of an upstream speak; all of one the same.
enum class UpstreamProtocol : std::uint8_t { http, https, uwsgi, fastcgi };

/// One server as it is written; its name may have several addresses.
struct UpstreamServer {
  Place place;
  std::string url;         // as written
  std::string host;        // a name or an address, without brackets; empty: unix_path
  std::uint16_t port = 0;  // never 0 with a host
  std::string unix_path;
  std::uint32_t weight = 1;
  std::uint32_t max_connections = 0;  // 0: no limit
  bool backup = false;
  bool down = false;
  bool operator==(const UpstreamServer& other) const;  // wherever they stand
};

struct Balance {
  enum class By : std::uint8_t { round_robin, least_conn, random, ip_hash, hash };
  By by = By::round_robin;
  Template key;  // of `hash`
  bool operator==(const Balance& other) const { return by == other.by && key.source() == other.key.source(); }
};

struct Eject {
  std::uint32_t failures = 3;  // in a row; 0: never
  Milliseconds time{10'000};
  bool operator==(const Eject&) const = default;
};

struct HealthCheck {
  std::string path;
  std::string host{};  // empty: the first server's
  Milliseconds interval{5'000};
  Milliseconds timeout{2'000};
  std::vector<std::pair<int, int>> statuses{{200, 399}};  // inclusive ranges
  std::uint32_t rise = 2;
  std::uint32_t fall = 3;
  bool operator==(const HealthCheck&) const = default;
};

struct Sticky {
  std::string cookie;    // empty: off
  Milliseconds time{0};  // 0: until the browser ends
  std::string key;       // empty: the machine's
  bool operator==(const Sticky&) const = default;
};

struct UpstreamTls {
  bool verify = true;
  std::string ca;           // empty: the system's
  std::string server_name;  // empty: the host of the URL
  std::string certificate;  // of ours; empty: none
  std::string key;
  bool operator==(const UpstreamTls&) const = default;
};

struct FastCgi {
  std::string root;
  std::string index = "index.php";
  bool operator==(const FastCgi&) const = default;
};

struct Upstream {
  std::string name;
  Place place;
  UpstreamProtocol protocol = UpstreamProtocol::http;
  std::vector<UpstreamServer> servers;
  Balance balance;
  Milliseconds resolve{30'000};
  std::uint32_t keepalive = 64;  // idle connections of each server and loop; 0 by default for fastcgi
  Milliseconds keepalive_timeout{60'000};
  Milliseconds connect_timeout{5'000};
  Milliseconds read_timeout{60'000};
  Milliseconds send_timeout{60'000};
  Milliseconds tunnel_timeout{3'600'000};
  std::uint32_t retries = 2;
  std::uint32_t queue = 1'000;  // requests that wait while every server is at its max_connections, of each loop
  Milliseconds queue_timeout{10'000};
  Milliseconds slow_start{0};
  Eject eject;
  std::optional<HealthCheck> health;
  Sticky sticky;
  UpstreamTls tls;
  FastCgi fastcgi;
  bool operator==(const Upstream& other) const;  // the same settings, wherever they stand
};

/// What replaces a prefix of Location or of a cookie's path.
struct Rewrite {
  std::string from;
  std::string to;
};

/// A route's handler: requests go to an upstream.
struct ProxyRef {
  std::string upstream;
  bool strip_prefix = false;
  std::optional<std::string> replace_prefix;  // what stands in place of the route's path
  std::optional<Template> host;               // of the Host field; nothing: as the client sent it
  std::vector<HeaderRule> headers;            // of the request to the server; without a value: removed
  bool buffer_request = true;
  std::uint64_t buffer_response = 1 << 20;  // bytes of an answer taken ahead of a slow client; 0: passed as they come
  bool rewrite = true;                      // Location and the paths of cookies, where the prefix was changed
  std::vector<std::string> upgrade{"websocket"};  // protocols that clients may go over to; of http and https
};

}  // namespace edge::config
