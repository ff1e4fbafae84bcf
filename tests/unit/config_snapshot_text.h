// A snapshot as text for golden files: every field that is not what an empty snapshot holds.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/problems.h"
#include "config/snapshot.h"
#include "config/values.h"
#include "core/http/request_rules.h"

namespace edge::config {

class SnapshotText {
 public:
  std::string of(const Snapshot& snapshot) {
    text_ = "file " + snapshot.file;
    line(0, "edge");
    process(snapshot.process);
    line(0, "log");
    field("level", static_cast<int>(snapshot.log.level), static_cast<int>(LogLevel::info));
    field("error", snapshot.log.error, std::string("stderr"));
    access(snapshot.log.access);
    for (const auto& [name, each] : snapshot.lists) list(name, each);
    for (const App& each : snapshot.apps) app(each);
    for (const Upstream& each : snapshot.upstreams) upstream(each);
    for (const Site& each : snapshot.sites) site(each);
    return text_ + "\n";
  }

 private:
  void line(int indent, const std::string& title) {
    text_ += "\n" + std::string(static_cast<std::size_t>(indent), ' ') + title;
  }

  template <class T>
  void field(std::string_view name, const T& value, const T& preset) {
    if (value == preset) return;
    if constexpr (std::is_same_v<T, Milliseconds>) {
      text_ += fmt::format(" {}={}", name, duration_text(static_cast<std::uint64_t>(value.count())));
    } else {
      text_ += fmt::format(" {}={}", name, value);
    }
  }

  void process(const Process& process) {
    const Process preset;
    field("threads", process.threads, 0u);
    field("user", process.user, preset.user);
    field("group", process.group, preset.group);
    field("pid_file", process.pid_file, preset.pid_file);
    field("runtime_dir", process.runtime_dir, preset.runtime_dir);
    field("control", process.control, preset.control);
    field("max_connections", process.max_connections, preset.max_connections);
    field("hot_files", process.hot_files, preset.hot_files);
    field("state_dir", process.state_dir, preset.state_dir);
    field("max_bans", process.max_bans, preset.max_bans);
    field("limits_memory", process.limits_memory, preset.limits_memory);
    field("shutdown_timeout", process.shutdown_timeout, preset.shutdown_timeout);
    if (process.trusted_proxies) text_ += " trusted_proxies=" + trusted_text(*process.trusted_proxies);
  }

  /// A set does not tell what is in it, so it is asked for some addresses; the cases make use of them.
  static std::string trusted_text(const TrustedProxies& trusted) {
    std::vector<std::string> known;
    for (const char* ip : {"127.0.0.1", "10.0.0.0", "10.255.255.255", "11.0.0.0", "192.0.2.7", "::1", "2001:db8::7"}) {
      if (trusted.contains(*Address::from_ip(ip))) known.emplace_back(ip);
    }
    if (trusted.unix_sockets) known.emplace_back("unix:");
    return fmt::format("{}", known);
  }

  /// Formats have no text of their own: each gets a number, the same for the same one.
  void access(const std::optional<AccessTarget>& target) {
    if (!target) {
      text_ += " access=off";
      return;
    }
    const auto [format, is_new] = formats_.try_emplace(target->format.get(), formats_.size() + 1);
    text_ += fmt::format(" access={}#{}", target->path, format->second);
  }

  void list(const std::string& name, const AddressList& list) {
    line(0, fmt::format("list {} at {}", name, list.place.text()));
    for (const AddressRange& range : list.addresses) text_ += " " + range.text();
    if (!list.file.empty()) text_ += fmt::format(" file={} at {}", list.file, list.file_place.text());
  }

  void entries(std::string_view name, const AddressEntries& entries) {
    for (const AddressRange& range : entries.ranges) text_ += fmt::format(" {}={}", name, range.text());
    for (const std::string& list : entries.lists) text_ += fmt::format(" {}=@{}", name, list);
  }

  void guarding(const Guarding& guarding) {
    if (guarding.access) {
      entries("deny", guarding.access->deny);
      entries("allow", guarding.access->allow);
    }
    if (guarding.answers) text_ += " deny_with=403";
    if (!guarding.bans) return;
    for (const BanRule& rule : *guarding.bans) {
      text_ += fmt::format(" ban={}x{}-{}in{}for{}", rule.strikes.count, rule.first_status, rule.last_status,
                           duration_text(rule.strikes.window),
                           duration_text(static_cast<std::uint64_t>(rule.duration.count())));
    }
  }

  void app(const App& app) {
    const App preset;
    line(0, fmt::format("app {} at {}", app.name, app.place.text()));
    field("module", app.module, preset.module);
    field("wsgi_file", app.wsgi_file, preset.wsgi_file);
    field("callable", app.callable, preset.callable);
    field("chdir", app.chdir, preset.chdir);
    field("virtualenv", app.virtualenv, preset.virtualenv);
    field("python", app.python, preset.python);
    field("python_path", app.python_path, preset.python_path);
    for (const auto& [name, value] : app.env) text_ += fmt::format(" env.{}={}", name, quoted(value));
    field("processes", app.processes, preset.processes);
    field("most_processes", app.most_processes, app.processes);
    field("idle", app.idle, preset.idle);
    field("threads", app.threads, preset.threads);
    field("interface", app.interface, preset.interface);
    field("concurrency", app.concurrency, preset.concurrency);
    field("preload", app.preload, preset.preload);
    field("queue", app.queue, preset.queue);
    field("queue_timeout", app.queue_timeout, preset.queue_timeout);
    field("depth", app.depth, preset.depth);
    field("request_timeout", app.request_timeout, preset.request_timeout);
    field("start_timeout", app.start_timeout, preset.start_timeout);
    field("max_requests", app.max_requests, preset.max_requests);
    field("max_memory", app.max_memory, preset.max_memory);
    field("user", app.user, preset.user);
    field("group", app.group, preset.group);
    field("restart_delay", app.restart_delay, preset.restart_delay);
    field("restart_max_delay", app.restart_max_delay, preset.restart_max_delay);
    field("shutdown_timeout", app.shutdown_timeout, preset.shutdown_timeout);
    if (app.socket) text_ += " socket=" + listen_text(*app.socket);
    if (app.socket_mode != preset.socket_mode) text_ += fmt::format(" socket_mode={:o}", app.socket_mode);
    field("reload_on", app.reload_on, preset.reload_on);
  }

  static std::string listen_text(const Listen& listen) {
    std::string text = listen.text;
    if (listen.address.family != Address::Family::none) text += fmt::format("({})", listen.address.text());
    if (!listen.unix_path.empty()) text += fmt::format(" unix_path={}", listen.unix_path);
    if (listen.inherited >= 0) text += fmt::format(" inherited={}", listen.inherited);
    return text;
  }

  void http(const HttpSettings& http) {
    const HttpSettings preset;
    field("header_timeout", http.header_timeout, preset.header_timeout);
    field("body_timeout", http.body_timeout, preset.body_timeout);
    field("send_timeout", http.send_timeout, preset.send_timeout);
    field("keepalive_timeout", http.keepalive_timeout, preset.keepalive_timeout);
    field("keepalive_requests", http.keepalive_requests, preset.keepalive_requests);
    field("max_header_size", http.max_header_size, preset.max_header_size);
    field("max_headers", http.max_headers, preset.max_headers);
    field("max_uri", http.max_uri, preset.max_uri);
    field("client_max_body_size", http.client_max_body_size, preset.client_max_body_size);
    field("server_header", http.server_header, preset.server_header);
    field("protect_probes", http.protect_probes, preset.protect_probes);
    field("rules_body", http.rules_body, preset.rules_body);
    for (const auto& each : http.rules) rule(*each);
    if (!http.compress) return;
    const CompressSettings& compress = *http.compress;
    text_ += fmt::format(" compress={}", fmt::join(compress.types, "|"));
    for (const Coding coding : compress.codings) text_ += fmt::format(" {}", coding_name(coding));
    text_ += fmt::format(" {} from {}", compress.level, size_text(compress.min_size));
  }

  /// Patterns show nothing of themselves but that they are there.
  void rule(const RequestRule& rule) {
    constexpr std::string_view kActions[] = {"deny", "log", "tag"};
    text_ += fmt::format(" rule({} {}", rule.name, kActions[static_cast<int>(rule.action)]);
    field("status", rule.status, 403);
    field("tag", rule.tag, {});
    field("dry_run", rule.dry_run, false);
    field("methods", rule.methods, {});
    if (rule.path) text_ += fmt::format(" path={}:{}", static_cast<int>(rule.path->kind), rule.path->path);
    field("query", rule.query.has_value(), false);
    for (const RequestRule::Header& header : rule.headers) text_ += " header=" + header.name;
    field("body", rule.body.has_value(), false);
    text_ += ")";
  }

  void basic_auth(const std::optional<BasicAuth>& auth) {
    if (auth) text_ += fmt::format(" basic_auth={}:{} at {}", auth->realm, auth->users_file, auth->place.text());
  }

  void auth_request(const std::optional<AuthRequest>& auth) {
    if (!auth) return;
    text_ += fmt::format(" auth_request={}{} at {}", auth->upstream, auth->uri, auth->place.text());
    field("headers", auth->headers, {});
    field("user", auth->user, {});
    field("timeout", auth->timeout, AuthRequest().timeout);
  }

  void answers(const std::vector<HeaderRule>& headers, const std::vector<ErrorPage>& pages,
               const std::optional<AccessTarget>& target) {
    for (const HeaderRule& rule : headers) {
      text_ += rule.value ? fmt::format(" +{}: {};", rule.name, rule.value->source()) : fmt::format(" -{};", rule.name);
    }
    for (const ErrorPage& page : pages) text_ += fmt::format(" {}-{}:{}", page.first, page.last, page.path);
    access(target);
  }

  void site(const Site& site) {
    line(0, "site at " + site.place.text());
    field("hosts", site.hosts, {});
    field("default", site.is_default, false);
    for (const Listen& listen : site.listen) {
      text_ += " listen=" + listen_text(listen);
      field("backlog", listen.backlog, Listen().backlog);
      field("tls", listen.tls, false);
      field("http2", listen.http2, listen.tls);
      field("proxy_protocol", listen.proxy_protocol, false);
    }
    field("redirect_https", site.redirect_https, false);
    if (site.tls) tls(*site.tls);
    http(site.http);
    answers(site.headers, site.error_pages, site.access);
    guarding(site.guarding);
    limits(site.limits);
    basic_auth(site.basic_auth);
    auth_request(site.auth_request);
    for (const Route& each : site.routes) route(each);
  }

  static std::string limit(const LimitIdentity& identity) {
    return fmt::format("{}{} in [{}]", identity.text, identity.dry_run ? " dry_run" : "", identity.zone);
  }
  void limits(const std::shared_ptr<const LimitSettings>& limits) {
    if (!limits) return;
    for (const RequestLimit& each : limits->requests) {
      text_ += fmt::format("\n    {} every={}us burst={} key={} delay={} status={}", limit(each.identity),
                           each.rate.interval, each.rate.burst, each.key.source(), each.delay, each.status);
    }
    for (const ConcurrencyLimit& each : limits->connections) {
      text_ += fmt::format("\n    {} key={} status={}", limit(each.identity), each.key.source(), each.status);
    }
    if (limits->bandwidth) {
      text_ += fmt::format("\n    {} rate={} after={}", limit(limits->bandwidth->identity),
                           size_text(limits->bandwidth->rate), size_text(limits->bandwidth->after));
    }
  }

  void tls(const TlsSettings& tls) {
    const TlsSettings preset;
    text_ += " tls";
    for (const TlsCertificateFiles& files : tls.certificates) {
      text_ += fmt::format(" certificate={} key={}", files.certificate, files.key);
    }
    field("self_signed", tls.self_signed, preset.self_signed);
    field("tls12", tls.tls12, preset.tls12);
    field("tls13", tls.tls13, preset.tls13);
    field("ciphers", tls.ciphers, preset.ciphers);
    field("session_tickets", tls.session_tickets, preset.session_tickets);
    field("client_ca", tls.client_ca, preset.client_ca);
    field("client_verify", static_cast<int>(tls.client_verify), static_cast<int>(preset.client_verify));
    field("ocsp", tls.ocsp, preset.ocsp);
  }

  void route(const Route& route) {
    constexpr std::string_view kKinds[] = {"", "= ", "^~ ", "~ ", "mount "};
    line(2, fmt::format("{}{} at {}", kKinds[static_cast<int>(route.path.kind)], route.path.path, route.place.text()));
    http(route.http);
    answers(route.headers, route.error_pages, route.access);
    guarding(route.guarding);
    basic_auth(route.basic_auth);
    auth_request(route.auth_request);
    field("internal", route.internal, false);
    expires(route.expires);
    limits(route.limits);
    std::visit([this](const auto& each) { handler(each); }, route.handler);
  }

  void upstream(const Upstream& upstream) {
    constexpr std::string_view kProtocols[] = {"http", "https", "uwsgi", "fastcgi"};
    constexpr std::string_view kBalances[] = {"round_robin", "least_conn", "random", "ip_hash", "hash"};
    const Upstream preset;
    line(0, fmt::format("upstream {} {}", upstream.name, kProtocols[static_cast<int>(upstream.protocol)]));
    for (const UpstreamServer& server : upstream.servers) {
      line(2, fmt::format("{} host={} port={} unix={} weight={} most={}{}{} at {}", server.url, server.host,
                          server.port, server.unix_path, server.weight, server.max_connections,
                          server.backup ? " backup" : "", server.down ? " down" : "", server.place.text()));
    }
    text_ += fmt::format("\n  {} {}", kBalances[static_cast<int>(upstream.balance.by)], upstream.balance.key.source());
    field("resolve", upstream.resolve, preset.resolve);
    field("keepalive", upstream.keepalive, preset.keepalive);
    field("keepalive_timeout", upstream.keepalive_timeout, preset.keepalive_timeout);
    field("connect_timeout", upstream.connect_timeout, preset.connect_timeout);
    field("read_timeout", upstream.read_timeout, preset.read_timeout);
    field("send_timeout", upstream.send_timeout, preset.send_timeout);
    field("retries", upstream.retries, preset.retries);
    field("queue", upstream.queue, preset.queue);
    field("queue_timeout", upstream.queue_timeout, preset.queue_timeout);
    field("slow_start", upstream.slow_start, preset.slow_start);
    field("eject.failures", upstream.eject.failures, preset.eject.failures);
    field("eject.for", upstream.eject.time, preset.eject.time);
    if (upstream.health) {
      const HealthCheck& health = *upstream.health;
      text_ += fmt::format(" health={} every {}ms within {}ms rise {} fall {}", health.path, health.interval.count(),
                           health.timeout.count(), health.rise, health.fall);
      field("health.host", health.host, {});
      for (const auto& [first, last] : health.statuses) text_ += fmt::format(" {}-{}", first, last);
    }
    field("sticky", upstream.sticky.cookie, preset.sticky.cookie);
    field("sticky.for", upstream.sticky.time, preset.sticky.time);
    field("sticky.key", upstream.sticky.key, preset.sticky.key);
    field("tls.verify", upstream.tls.verify, true);
    field("tls.ca", upstream.tls.ca, {});
    field("tls.server_name", upstream.tls.server_name, {});
    field("tls.certificate", upstream.tls.certificate, {});
    field("tls.key", upstream.tls.key, {});
    field("fastcgi.root", upstream.fastcgi.root, {});
    field("fastcgi.index", upstream.fastcgi.index, preset.fastcgi.index);
  }

  void handler(const ProxyRef& proxy) {
    const ProxyRef preset;
    text_ += " proxy " + proxy.upstream;
    field("strip_prefix", proxy.strip_prefix, preset.strip_prefix);
    field("replace_prefix", proxy.replace_prefix.value_or(""), {});
    field("host", proxy.host ? proxy.host->source() : "", {});
    for (const HeaderRule& rule : proxy.headers) {
      text_ += rule.value ? fmt::format(" +{}: {};", rule.name, rule.value->source()) : fmt::format(" -{};", rule.name);
    }
    field("buffer_request", proxy.buffer_request, preset.buffer_request);
    field("buffer_response", proxy.buffer_response, preset.buffer_response);
    field("rewrite", proxy.rewrite, preset.rewrite);
  }

  void handler(const StaticFiles& files) {
    const StaticFiles preset;
    text_ += " static " + files.directory;
    field("strip_prefix", files.strip_prefix, preset.strip_prefix);
    field("index", files.index, preset.index);
    field("precompressed", files.precompressed, preset.precompressed);
    field("hidden_files", files.hidden_files, preset.hidden_files);
    field("list", files.list, preset.list);
    constexpr std::string_view kLinks[] = {"inside", "always", "never"};
    field("follow_symlinks", kLinks[static_cast<int>(files.links)], kLinks[0]);
    for (const auto& [extension, type] : files.types) text_ += fmt::format(" types.{}={}", extension, type);
    tried(files.tried);
  }
  void tried(const TryFiles& tried) {
    for (const TryFiles::Candidate& file : tried.files) {
      text_ += fmt::format(" try={}{}", file.path.source(), file.folder ? "(folder)" : "");
    }
    if (tried.files.empty()) return;
    if (tried.status != 0) text_ += fmt::format(" else={}", tried.status);
    if (tried.status == 0) text_ += fmt::format(" else={}", tried.path.source());
    if (tried.has_query) text_ += fmt::format(" query={}", tried.query.source());
  }
  void expires(const Expires& expires) {
    constexpr std::string_view kKinds[] = {"off", "after", "max", "epoch", "immutable"};
    field("expires", kKinds[static_cast<int>(expires.kind)], kKinds[0]);
    if (expires.kind == Expires::Kind::after) text_ += fmt::format("({}s)", expires.seconds);
  }
  void handler(const Redirect& redirect) {
    text_ += fmt::format(" redirect {} {}", redirect.status, redirect.to.source());
  }
  void handler(const Return& answer) {
    text_ += fmt::format(" return {} {} [{}]", answer.status, answer.type, answer.body.source());
  }
  void handler(const AppRef& ref) {
    text_ += " app " + ref.app;
    if (ref.static_auto) text_ += " static=auto";
    field("cancel_on_disconnect", ref.cancel_on_disconnect, false);
  }

  std::string text_;
  std::map<const AccessFormat*, std::size_t> formats_;
};

}  // namespace edge::config
