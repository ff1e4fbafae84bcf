// Reading an app's socket.
#include "config/app_socket.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "config/listen.h"

namespace edge::config {
namespace {

constexpr unsigned kMostMode = 0777;

/// "660", "0660" or "0o660".
std::optional<unsigned> parse_mode(std::string_view text) {
  if (text.starts_with("0o")) text.remove_prefix(2);
  unsigned mode = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (failed != std::errc() || end != text.data() + text.size() || mode > kMostMode) return std::nullopt;
  return mode;
}

/// The kernel gives everyone who asks for port 0 another one.
bool is_same(const Listen& a, const Listen& b) {
  const bool chosen_by_kernel = a.address.family != Address::Family::none && a.address.port == 0;
  return a.is_set() && a == b && !chosen_by_kernel;
}

bool is_control(const Snapshot& snapshot, const Listen& listen) {
  return !snapshot.process.control.empty() && listen.unix_path == snapshot.process.control;
}

std::string control_text(const Snapshot& snapshot) {
  return "edge.control at " + snapshot.process.control_place.text();
}

/// Where that address is listened on already: by edge itself, by an app before `app`, or by a site.
std::optional<std::string> other_use(const Snapshot& snapshot, const App& app) {
  if (is_control(snapshot, *app.socket)) return control_text(snapshot);
  for (const App& other : snapshot.apps) {
    if (&other == &app) break;
    if (other.socket && is_same(*other.socket, *app.socket)) return "the app at " + other.socket->place.text();
  }
  for (const Site& site : snapshot.sites) {
    for (const Listen& listen : site.listen) {
      if (is_same(listen, *app.socket)) return "the site at " + listen.place.text();
    }
  }
  return std::nullopt;
}

void add_clash(const Section& top, const Listen& listen, const std::string& path, const std::string& other) {
  top.loading().problems.add(listen.place, path,
                             fmt::format("{} is in use already, by {}; choose another", listen.text, other));
}

}  // namespace

void read_socket(const Section& section, App& app) {
  const Node* given = section.given("socket");
  std::string text;
  section.read("socket", text);
  if (!text.empty()) {
    const bool is_path = text.find('/') != std::string::npos && !text.starts_with("unix:");
    app.socket =
        read_address(section.loading(), {(is_path ? "unix:" : "") + text, given->place, section.path_of("socket")});
    app.socket->text = text;
  }
  std::string mode_text;
  section.read("chmod_socket", mode_text);
  if (mode_text.empty()) return;
  const std::optional<unsigned> mode = parse_mode(mode_text);
  if (!mode) {
    section.problem("chmod_socket",
                    fmt::format("{} is no mode; expected octal digits such as 660, up to 777", quoted(mode_text)));
    return;
  }
  const bool has_file = app.socket && (!app.socket->unix_path.empty() || !app.socket->is_set());
  if (*mode != app.socket_mode && !has_file) {
    section.problem("chmod_socket", "there is no `socket` with a path that could have this mode; remove it");
  }
  app.socket_mode = *mode;
}

void check_sockets(const Section& top, const Snapshot& snapshot) {
  for (const App& app : snapshot.apps) {
    if (!app.socket) continue;
    const std::optional<std::string> other = other_use(snapshot, app);
    if (other) add_clash(top, *app.socket, key_path("apps", app.name) + ".socket", *other);
  }
  for (std::size_t i = 0; i < snapshot.sites.size(); ++i) {
    for (const Listen& listen : snapshot.sites[i].listen) {
      if (is_control(snapshot, listen))
        add_clash(top, listen, fmt::format("sites[{}].listen", i), control_text(snapshot));
    }
  }
}

}  // namespace edge::config
