// Upstreams: servers, and how requests are spread over them.
#include "config/upstreams.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "config/answers.h"
#include "core/arena.h"
#include "core/http/field_syntax.h"
#include "core/http/path.h"

namespace edge::config {
namespace {

std::string_view scheme_of(const std::string& url) {
  return std::string_view(url).substr(0, url.find("://"));
}

class ServersReader {
 public:
  ServersReader(const Section& upstream, Upstream& to) : upstream_(upstream), to_(to) {}

  void read() {
    const Node* node = upstream_.given("servers");
    if (!node)
      return upstream_.missing("servers",
                               "the servers are missing; give at least one, such as "
                               "http://127.0.0.1:8000");
    const std::string path = upstream_.path_of("servers");
    if (node->kind != Node::Kind::list) return read_one(*node, path);
    if (node->items.empty()) upstream_.problem("servers", "the list is empty; give at least one server");
    for (std::size_t i = 0; i < node->items.size(); ++i) read_one(*node->items[i], item_path(path, i));
  }

 private:
  void read_one(const Node& node, const std::string& path) {
    UpstreamServer server;
    server.place = node.place;
    if (node.kind == Node::Kind::map) {
      const Section section(upstream_.loading(), "upstreams.NAME.servers[]", path, node.place, &node);
      const Node* url = section.given("url");
      if (!url) return section.missing("url", "the server's URL is missing");
      section.read("url", server.url);
      section.read("weight", server.weight);
      section.read("max_connections", server.max_connections);
      section.read("backup", server.backup);
      section.read("down", server.down);
      return add(std::move(server), url->place, section.path_of("url"));
    }
    if (node.kind != Node::Kind::scalar) {
      upstream_.loading().problems.add(node.place, path, "expected a URL such as http://127.0.0.1:8000, or a map");
      return;
    }
    server.url = node.text;
    add(std::move(server), node.place, path);
  }

  void add(UpstreamServer server, const Place& place, const std::string& path) {
    UpstreamProtocol protocol = UpstreamProtocol::http;
    Problems& problems = upstream_.loading().problems;
    if (std::string wrong = parse_server_url(server.url, server, protocol); !wrong.empty()) {
      return problems.add(place, path, std::move(wrong));
    }
    if (to_.servers.empty()) {
      to_.protocol = protocol;
    } else if (protocol != to_.protocol) {
      problems.add(place, path,
                   fmt::format("the servers of an upstream speak one protocol, and the first is {}://; make "
                               "an upstream of its own for {}://",
                               scheme_of(to_.servers.front().url), scheme_of(server.url)));
    }
    const auto twice = std::ranges::find_if(to_.servers, [&server](const UpstreamServer& other) {
      return std::tie(other.host, other.port, other.unix_path) == std::tie(server.host, server.port, server.unix_path);
    });
    if (twice != to_.servers.end()) {
      problems.add(place, path,
                   fmt::format("is the server of {} again; give that one a `weight` instead", twice->place.text()));
    }
    to_.servers.push_back(std::move(server));
  }

  const Section& upstream_;
  Upstream& to_;
};

void read_balance(const Section& section, Upstream& to) {
  const Node* node = section.given("balance");
  if (!node) return;
  std::string text;
  section.read("balance", text);
  using By = Balance::By;
  static constexpr std::pair<std::string_view, By> kWords[] = {{"round_robin", By::round_robin},
                                                               {"least_conn", By::least_conn},
                                                               {"random", By::random},
                                                               {"ip_hash", By::ip_hash}};
  const auto word = std::ranges::find(kWords, std::string_view(text), &std::pair<std::string_view, By>::first);
  if (word != std::end(kWords)) {
    to.balance.by = word->second;
    return;
  }
  constexpr std::string_view kHash = "hash ";
  if (!text.starts_with(kHash)) {
    return section.refuse("balance", *node,
                          "is no way to balance (round_robin, least_conn, random, ip_hash, hash $variable)");
  }
  to.balance.by = By::hash;
  auto key = Template::compile(std::string_view(text).substr(kHash.size()));
  if (!key) {
    section.loading().problems.add(node->place_in_text(kHash.size() + key.error().offset), section.path_of("balance"),
                                   key.error().message);
  } else if (key->constant()) {
    section.problem("balance", "needs a variable, such as `hash $request_uri`: else one server gets every request");
  } else if (const std::string_view late = key->known_after(Template::Known::checks); !late.empty()) {
    section.problem("balance",
                    fmt::format("${} has no value when a server is chosen; use what the request brings, such "
                                "as $request_uri or $cookie_session",
                                late));
  } else {
    to.balance.key = std::move(*key);
  }
}

void read_health(const Section& upstream, Upstream& to) {
  if (!upstream.given("health")) return;
  const Section section = upstream.inner("health", "upstreams.NAME.health");
  HealthCheck health;
  section.read("path", health.path);
  if (!section.given("path")) section.missing("path", "what to ask for is missing, such as /healthz");
  const bool is_target = health.path.starts_with('/') &&
                         std::ranges::all_of(health.path, [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  if (section.given("path") && !is_target)
    section.problem("path", "expected a path that begins with /, escaped as in a URL");
  section.read("host", health.host);
  if (section.given("host") && !is_authority(health.host))
    section.problem("host", "expected a host such as www.example.com or www.example.com:8443");
  section.read("interval", health.interval);
  section.read("timeout", health.timeout);
  section.read("rise", health.rise);
  section.read("fall", health.fall);
  if (section.given("status")) health.statuses.clear();
  for (const ListedText& given : section.texts("status")) {
    if (const auto range = parse_statuses(given.text, 100, 599)) {
      health.statuses.push_back(*range);
    } else {
      section.loading().problems.add(
          given.place, given.path,
          fmt::format("{} is no status; expected one such as 204 or 200-399", quoted(given.text)));
    }
  }
  to.health = std::move(health);
}

void read_sticky(const Section& upstream, Upstream& to) {
  if (!upstream.given("sticky")) return;
  const Section section = upstream.inner("sticky", "upstreams.NAME.sticky");
  section.read("cookie", to.sticky.cookie);
  section.read("for", to.sticky.time);
  section.read("key", to.sticky.key);
  if (!section.given("cookie")) {
    section.missing("cookie", "the cookie's name is missing");
  } else if (!is_token(to.sticky.cookie)) {
    section.problem("cookie", fmt::format("{} is no name of a cookie", quoted(to.sticky.cookie)));
  }
}

void read_tls(const Section& upstream, Upstream& to) {
  const Section section = upstream.inner("tls", "upstreams.NAME.tls");
  section.read("verify", to.tls.verify);
  section.read("ca", to.tls.ca);
  section.read("server_name", to.tls.server_name);
  section.read("certificate", to.tls.certificate);
  section.read("key", to.tls.key);
  if (to.tls.certificate.empty() != to.tls.key.empty()) {
    section.missing(to.tls.key.empty() ? "key" : "certificate", "`certificate` and `key` go together");
  }
  const std::string& name = to.tls.server_name;
  if (!name.empty() && !is_host_name(name) && !Address::from_ip(name)) {
    section.problem("server_name", fmt::format("{} is no name of a host, and no IP address", quoted(name)));
  }
  const bool has_sockets =
      std::ranges::any_of(to.servers, [](const UpstreamServer& server) { return !server.unix_path.empty(); });
  if (to.protocol == UpstreamProtocol::https && has_sockets && name.empty()) {
    section.missing("server_name",
                    "a socket's path is no name to ask for and to check; give the one that its "
                    "certificate is for");
  }
  if (!to.tls.verify && !to.tls.ca.empty()) section.problem("ca", "is used for nothing with `verify: false`");
  // A `tls` that spells out what holds anyway does no harm.
  if (to.tls != UpstreamTls{} && to.protocol != UpstreamProtocol::https) {
    upstream.problem("tls", "is for servers of https://, and this upstream has none");
  }
}

void read_fastcgi(const Section& upstream, Upstream& to) {
  if (to.protocol != UpstreamProtocol::fastcgi) {
    if (upstream.given("fastcgi"))
      upstream.problem("fastcgi", "is for servers of fastcgi://, and this upstream has none");
    return;
  }
  const Section section = upstream.inner("fastcgi", "upstreams.NAME.fastcgi");
  section.read("root", to.fastcgi.root);
  section.read("index", to.fastcgi.index);
  if (!section.given("root")) section.missing("root", "the folder of the scripts is missing, as the server sees it");
  if (to.fastcgi.index.find('/') != std::string::npos)
    section.problem("index", "expected the name of a file, without a /");
}

void check_servers(const Section& section, const Upstream& upstream) {
  if (upstream.servers.empty()) return;
  if (std::ranges::all_of(upstream.servers, &UpstreamServer::backup)) {
    section.problem("servers", "every server is a backup; one must not be");
  } else if (std::ranges::all_of(upstream.servers, &UpstreamServer::down)) {
    section.problem("servers", "every server is down, so nobody would answer; let one be up, or answer with `return`");
  }
}

void check_keepalive(const Section& section, const Upstream& upstream) {
  if (upstream.protocol != UpstreamProtocol::uwsgi) return;
  for (const char* key : {"keepalive", "keepalive_timeout"}) {
    const bool is_none = std::string_view(key) == "keepalive" && upstream.keepalive == 0;
    if (section.given(key) && !is_none) {
      section.problem(key, "servers of uwsgi:// end the connection with each answer; remove this key");
    }
  }
}

Upstream load_upstream(const Section& section, const std::string& name) {
  Upstream upstream;
  upstream.name = name;
  upstream.place = section.place();
  ServersReader(section, upstream).read();
  check_servers(section, upstream);
  read_balance(section, upstream);
  section.read("resolve", upstream.resolve);
  if (upstream.protocol == UpstreamProtocol::fastcgi) upstream.keepalive = 0;
  section.read("keepalive", upstream.keepalive);
  section.read("keepalive_timeout", upstream.keepalive_timeout);
  check_keepalive(section, upstream);
  section.read("connect_timeout", upstream.connect_timeout);
  section.read("read_timeout", upstream.read_timeout);
  section.read("send_timeout", upstream.send_timeout);
  section.read("tunnel_timeout", upstream.tunnel_timeout);
  section.read("retries", upstream.retries);
  section.read("queue", upstream.queue);
  section.read("queue_timeout", upstream.queue_timeout);
  section.read("slow_start", upstream.slow_start);
  const Section eject = section.inner("eject", "upstreams.NAME.eject");
  eject.read("failures", upstream.eject.failures);
  eject.read("for", upstream.eject.time);
  read_health(section, upstream);
  read_sticky(section, upstream);
  read_tls(section, upstream);
  read_fastcgi(section, upstream);
  return upstream;
}

}  // namespace

bool UpstreamServer::operator==(const UpstreamServer& other) const {
  const auto settings = [](const UpstreamServer& of) {
    return std::tie(of.url, of.weight, of.max_connections, of.backup, of.down);
  };
  return settings(*this) == settings(other);
}

bool Upstream::operator==(const Upstream& other) const {
  const auto settings = [](const Upstream& of) {
    return std::tie(of.name, of.servers, of.balance, of.resolve, of.keepalive, of.keepalive_timeout, of.connect_timeout,
                    of.read_timeout, of.send_timeout, of.tunnel_timeout, of.retries, of.queue, of.queue_timeout,
                    of.slow_start, of.eject, of.health, of.sticky, of.tls, of.fastcgi);
  };
  return settings(*this) == settings(other);
}

bool is_authority(std::string_view text) {
  Arena arena;
  return parse_host(text, arena).has_value();
}

bool is_plain_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

std::vector<Upstream> load_upstreams(const Section& top) {
  std::vector<Upstream> upstreams;
  const Node* map = top.given_map("upstreams");
  if (!map) return upstreams;
  for (const Entry& entry : map->entries) {
    const std::string path = key_path("upstreams", entry.key);
    if (!is_plain_name(entry.key)) {
      top.loading().problems.add(entry.place, path, "a name consists of letters, digits, \".\", \"_\" and \"-\"");
    }
    upstreams.push_back(
        load_upstream(Section(top.loading(), "upstreams.NAME", path, entry.place, entry.value.get()), entry.key));
  }
  return upstreams;
}

}  // namespace edge::config
