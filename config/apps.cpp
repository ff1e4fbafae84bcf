// Apps: what to import, with which Python, and how much of it.
#include "config/apps.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "config/app_socket.h"
#include "config/upstreams.h"
#include "config/workers.h"

namespace edge::config {
namespace {

constexpr Milliseconds kLeastToFinish{30'000};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c < 0;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Identifiers of Python joined by dots. Letters outside ASCII are left to Python to judge.
bool is_dotted_name(std::string_view text) {
  bool at_start = true;
  for (const char c : text) {
    if (c == '.' ? at_start : !(is_letter(c) || (is_digit(c) && !at_start))) return false;
    at_start = c == '.';
  }
  return !at_start;
}

constexpr std::string_view kCallableAdvice =
    "is no name of a callable; expected one such as `application` or `create_app()`";

bool is_callable_name(std::string_view text) {
  if (text.ends_with("()")) text.remove_suffix(2);
  return is_dotted_name(text);
}

/// Splits "pkg.mod:callable" into the app; what is wrong is reported under `key`.
void split_module(const Section& section, std::string_view key, const Node& node, App& app) {
  const std::size_t colon = std::min(node.text.find(':'), node.text.size());
  const std::string module = node.text.substr(0, colon);
  if (!is_dotted_name(module)) {
    const bool is_file = module.ends_with(".py") || module.find('/') != std::string::npos;
    section.problem(key, fmt::format("{} is no module; expected dotted names such as `project.wsgi` or "
                                     "`hello:application`{}",
                                     quoted(node.text), is_file ? "; a file goes under `wsgi_file` of an app" : ""));
    return;
  }
  app.module = module;
  if (colon == node.text.size()) return;
  app.callable = node.text.substr(colon + 1);
  if (is_callable_name(app.callable)) return;
  section.loading().problems.add(node.place_in_text(colon + 1), section.path_of(key),
                                 fmt::format("{} {}", quoted(app.callable), kCallableAdvice));
}

void read_module(const Section& section, App& app) {
  const Node* module = section.given("module");
  const Node* file = section.given("wsgi_file");
  if (module && file) {
    section.problem("wsgi_file", "an app is a `module` or a `wsgi_file`, not both; remove one");
  } else if (!module && !file) {
    section.missing({}, "what to import is missing; give a `module` or a `wsgi_file`");
  }
  std::string module_text;
  section.read("module", module_text);
  if (!module_text.empty()) split_module(section, "module", *module, app);
  section.read("wsgi_file", app.wsgi_file);
  const Machine& machine = section.loading().machine;
  if (!app.wsgi_file.empty() &&
      (machine.kind(app.wsgi_file) != Machine::Kind::file || !machine.readable(app.wsgi_file))) {
    section.problem("wsgi_file", fmt::format("there is no file {} that can be read", quoted(app.wsgi_file)));
  }
}

void read_callable(const Section& section, App& app) {
  const Node* given = section.given("callable");
  if (given && !app.callable.empty()) {
    section.problem("callable", "`module` names the callable already, after the colon; remove one");
    return;
  }
  section.read("callable", app.callable);
  if (given && given->kind == Node::Kind::scalar && !given->text.empty() && !is_callable_name(app.callable)) {
    section.problem("callable", fmt::format("{} {}", quoted(app.callable), kCallableAdvice));
  }
}

bool has_interpreter(const Machine& machine, const std::string& virtualenv) {
  return machine.kind(virtualenv + "/bin/python") == Machine::Kind::file;
}

void find_virtualenv(const Machine& machine, App& app) {
  for (const char* name : {".venv", "venv"}) {
    const std::string candidate = absolute_path(app.chdir, name);
    const bool is_one =
        has_interpreter(machine, candidate) && machine.kind(candidate + "/pyvenv.cfg") == Machine::Kind::file;
    if (!is_one) continue;
    app.virtualenv = candidate;
    return;
  }
}

void read_folders(const Section& section, App& app) {
  const Machine& machine = section.loading().machine;
  app.chdir = section.loading().absolute(section.place(), ".");
  section.read("chdir", app.chdir);
  if (machine.kind(app.chdir) != Machine::Kind::directory) {
    section.problem("chdir", fmt::format("there is no directory {}", quoted(app.chdir)));
  }
  section.read("virtualenv", app.virtualenv);
  if (app.virtualenv.empty() && !section.given("virtualenv"))
    find_virtualenv(machine, app);
  else if (!app.virtualenv.empty() && !has_interpreter(machine, app.virtualenv)) {
    section.problem("virtualenv", fmt::format("{} is no virtual environment, it has no bin/python; make one with: "
                                              "python3 -m venv {}",
                                              quoted(app.virtualenv), app.virtualenv));
  }
  section.read("python_path", app.python_path);
}

/// auto, "3.12" or a path.
void read_python(const Section& section, App& app) {
  const Node* given = section.given("python");
  section.read("python", app.python);
  if (!given || given->kind != Node::Kind::scalar || app.python == "auto") return;
  if (app.python.find('/') != std::string::npos) {
    app.python = section.loading().absolute(given->place, app.python);
    if (section.loading().machine.kind(app.python) != Machine::Kind::file) {
      section.problem("python", fmt::format("there is no file {}", quoted(app.python)));
    }
    return;
  }
  const std::string_view minor = std::string_view(app.python).substr(std::min<std::size_t>(2, app.python.size()));
  const bool is_version = app.python.starts_with("3.") && !minor.empty() && minor.size() <= 3 &&
                          std::all_of(minor.begin(), minor.end(), is_digit);
  if (is_version) return;
  section.problem("python", fmt::format("{} is not accepted; expected auto, a version such as \"3.12\", or a path with "
                                        "a / in it",
                                        quoted(app.python)));
}

void read_environment(const Section& section, App& app) {
  const Node* map = section.given_map("env");
  if (!map) return;
  for (const Entry& entry : map->entries) {
    const std::string path = key_path(section.path_of("env"), entry.key);
    if (entry.key.empty() || entry.key.find('=') != std::string::npos) {
      section.loading().problems.add(entry.place, path, "the name of a variable cannot be empty or hold a =");
    } else if (entry.value->kind != Node::Kind::scalar) {
      section.loading().problems.add(entry.value->place, path, "expected text; an empty one is \"\"");
    } else {
      app.env[entry.key] = entry.value->text;
    }
  }
}

void read_restart(const Section& section, App& app) {
  const Section restart = section.inner("restart", "apps.NAME.restart");
  restart.read("delay", app.restart_delay);
  restart.read("max_delay", app.restart_max_delay);
  if (app.restart_max_delay >= app.restart_delay) return;
  restart.problem(restart.given("max_delay") ? "max_delay" : "delay", "`max_delay` is shorter than `delay`");
}

/// How many requests a process takes is said by `threads` for WSGI, by `concurrency` for ASGI.
void read_interface(const Section& section, App& app) {
  section.read("interface", app.interface);
  section.read("threads", app.threads);
  section.read("concurrency", app.concurrency);
  if (app.interface == "asgi" && app.threads > 1) {
    section.problem("threads",
                    "an ASGI app has one event loop in a process; remove this key, `concurrency` says how "
                    "many requests a process takes at a time");
  }
  if (app.interface == "wsgi" && section.given("concurrency")) {
    section.problem("concurrency",
                    "a WSGI app takes one request a thread; remove this key, `threads` says how many "
                    "threads a process has");
  }
}

App load_app(const Section& section, const std::string& name) {
  App app;
  app.name = name;
  app.place = section.place();
  read_interface(section, app);
  read_module(section, app);
  read_callable(section, app);
  read_folders(section, app);
  read_python(section, app);
  read_environment(section, app);
  read_workers(section, app);
  section.read("preload", app.preload);
  section.read("queue", app.queue);
  section.read("queue_timeout", app.queue_timeout);
  section.read("depth", app.depth);
  section.read("request_timeout", app.request_timeout);
  section.read("start_timeout", app.start_timeout);
  app.shutdown_timeout = std::max(kLeastToFinish, app.request_timeout);
  section.read("shutdown_timeout", app.shutdown_timeout);
  read_restart(section, app);
  read_socket(section, app);
  section.read("reload_on", app.reload_on);
  return app;
}

}  // namespace

bool App::operator==(const App& other) const {
  const auto settings = [](const App& app) {
    return std::tie(app.name, app.module, app.wsgi_file, app.callable, app.chdir, app.virtualenv, app.python,
                    app.python_path, app.env, app.processes, app.most_processes, app.idle, app.threads, app.interface,
                    app.concurrency, app.preload, app.queue, app.queue_timeout, app.depth, app.request_timeout,
                    app.start_timeout, app.max_requests, app.max_memory, app.user, app.group, app.restart_delay,
                    app.restart_max_delay, app.shutdown_timeout, app.reload_on);
  };
  return settings(*this) == settings(other);
}

std::vector<App> load_apps(const Section& top) {
  std::vector<App> apps;
  const Node* map = top.given_map("apps");
  if (!map) return apps;
  for (const Entry& entry : map->entries) {
    const std::string path = key_path("apps", entry.key);
    if (!is_plain_name(entry.key)) {
      top.loading().problems.add(entry.place, path, "a name consists of letters, digits, \".\", \"_\" and \"-\"");
    }
    apps.push_back(load_app(Section(top.loading(), "apps.NAME", path, entry.place, entry.value.get()), entry.key));
  }
  return apps;
}

std::optional<App> load_short_app(const Section& top) {
  const Node* node = top.given("app");
  if (!node) return std::nullopt;
  if (node->kind != Node::Kind::scalar) {
    top.problem("app", "expected `module` or `module:callable`; to set more, use `apps:` and `sites:`");
    return std::nullopt;
  }
  App app;
  split_module(top, "app", *node, app);
  app.name = app.module;
  app.place = node->place;
  app.chdir = top.loading().absolute(node->place, ".");
  find_virtualenv(top.loading().machine, app);
  return app;
}

}  // namespace edge::config
