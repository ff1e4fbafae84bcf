// Loading of edge, log and http.
#include "config/process.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/compression.h"
#include "config/listen.h"
#include "config/rules.h"
#include "config/values.h"

namespace edge::config {
namespace {

std::shared_ptr<const AccessFormat> compile_format(const Section& section) {
  const Node* given = section.given("format");
  if (given && given->kind == Node::Kind::scalar) {
    AccessFormat format;
    if (given->text.find_first_of("\r\n") != std::string::npos)
      section.refuse("format", *given, "has a line break");
    else if (compile_text(section.loading(), *given, section.path_of("format"), format)) {
      return std::make_shared<const AccessFormat>(std::move(format));
    }
  } else if (given) {
    section.refuse("format", *given);
  }
  return nullptr;
}

AccessTarget default_access() {
  AccessTarget target;
  target.path = "stdout";
  if (auto combined = AccessFormat::compile("combined")) {
    target.format = std::make_shared<const AccessFormat>(std::move(*combined));
  }
  return target;
}

AccessTarget read_access_map(const Section& access, AccessTarget target) {
  access.read("path", target.path);
  if (auto format = compile_format(access)) target.format = std::move(format);
  return target;
}

void check_server_header(const Section& section, const Node& given, HttpSettings& settings) {
  const std::optional<bool> boolean = parse_boolean(given.text);
  const bool visible = std::all_of(given.text.begin(), given.text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (boolean == true || given.text.empty() || !visible)
    section.refuse("server_header", given);
  else if (boolean == false)
    settings.server_header.clear();
}

/// Null when none is named.
std::shared_ptr<const TrustedProxies> read_trusted_proxies(const Section& edge, std::vector<std::string>& written) {
  const std::vector<ListedText> texts = edge.texts("trusted_proxies");
  if (texts.empty()) return nullptr;
  auto trusted = std::make_shared<TrustedProxies>();
  AddressSet::Builder addresses;
  for (const ListedText& each : texts) {
    written.push_back(each.text);
    if (each.text == "unix:") {
      trusted->unix_sockets = true;
      continue;
    }
    const Result<AddressRange> range = parse_address_range(each.text);
    if (range) {
      addresses.add(*range);
    } else if (each.text.starts_with("unix")) {
      edge.loading().problems.add(each.place, each.path,
                                  fmt::format("{} is no network; unix: is for every unix socket", quoted(each.text)));
    } else {
      edge.loading().problems.add(each.place, each.path, range.error().context);
    }
  }
  trusted->addresses = addresses.build();
  return trusted;
}

}  // namespace

Process load_process(const Section& edge) {
  Process process;
  process.threads = edge.loading().machine.usable_cpus();
  edge.read("threads", process.threads);
  edge.read("user", process.user);
  edge.read("group", process.group);
  edge.read("pid_file", process.pid_file);
  edge.read("runtime_dir", process.runtime_dir);
  edge.read("control", process.control);
  process.control_place = edge.place_of("control");
  check_socket_path(edge.loading(), process.control, process.control_place, edge.path_of("control"));
  edge.read("max_connections", process.max_connections);
  edge.read("hot_files", process.hot_files);
  edge.read("state_dir", process.state_dir);
  edge.read("max_bans", process.max_bans);
  edge.read("limits_memory", process.limits_memory);
  edge.read("shutdown_timeout", process.shutdown_timeout);
  process.trusted_proxies = read_trusted_proxies(edge, process.trusted_proxies_text);
  return process;
}

Log load_log(const Section& log) {
  Log result;
  std::string level = "info";
  log.read("level", level);
  constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};  // as LogLevel counts
  result.level = static_cast<LogLevel>(std::find(kLevels.begin(), kLevels.end(), level) - kLevels.begin());
  const Node* error = log.given("error");
  if (error && error->kind == Node::Kind::scalar && parse_boolean(error->text)) {
    log.refuse("error", *error, "cannot stand here, errors are always logged");
  } else {
    log.read("error", result.error);
  }
  const AccessTarget preset = default_access();
  result.access = read_access(log, "access", preset, preset);
  return result;
}

void read_connection_settings(const Section& section, HttpSettings& settings) {
  section.read("header_timeout", settings.header_timeout);
  section.read("keepalive_timeout", settings.keepalive_timeout);
  section.read("max_header_size", settings.max_header_size);
  section.read("max_headers", settings.max_headers);
  section.read("max_uri", settings.max_uri);
}

void read_exchange_settings(const Section& section, HttpSettings& settings) {
  section.read("body_timeout", settings.body_timeout);
  section.read("send_timeout", settings.send_timeout);
  section.read("keepalive_requests", settings.keepalive_requests);
  section.read("client_max_body_size", settings.client_max_body_size);
  section.read("server_header", settings.server_header);
  const Node* server = section.given("server_header");
  if (server && server->kind == Node::Kind::scalar) check_server_header(section, *server, settings);
  read_compression(section, settings.compress);
  read_rules(section, settings);
}

std::optional<AccessTarget> read_access(const Section& section, std::string_view key,
                                        const std::optional<AccessTarget>& around,
                                        const std::optional<AccessTarget>& base) {
  const Node* node = section.given(key);
  if (!node) return around;
  if (node->kind == Node::Kind::map) {
    return read_access_map(section.inner(key, "log.access"), base ? *base : default_access());
  }
  const std::optional<bool> on = node->kind == Node::Kind::scalar ? parse_boolean(node->text) : std::nullopt;
  if (!on) {
    section.refuse(key, *node);
    return around;
  }
  if (!*on) return std::nullopt;
  if (!base) section.problem(key, "`log.access` is off, so there is no log to write to; give a map with a path");
  return base;
}

}  // namespace edge::config
