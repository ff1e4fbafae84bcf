// edge: the command line.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "appserver/gateway/embed.h"
#include "cmd/ban_commands.h"
#include "cmd/check.h"
#include "cmd/control_commands.h"
#include "cmd/exit_code.h"
#include "cmd/inheritance.h"
#include "cmd/serve.h"
#include "config/load.h"
#include "core/log_files.h"
#include "core/nearest.h"

namespace edge {
namespace {

std::optional<std::string> from_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::string own_path() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : std::string();
}

int serve_command(const std::string& file, Inheritance inherited) {
  const auto tell = [&inherited](const std::string& problem) {
    std::fprintf(stderr, "%s\n", problem.c_str());
    inherited.predecessor.failed(problem);
  };
  const auto snapshot = config::load(file, from_environment);
  if (!snapshot) {
    for (const config::Problem& problem : snapshot.error()) tell(problem.text());
    return kExitConfiguration;
  }
  LogFiles files;
  const Result<std::shared_ptr<LogFile>> log_file = files.open((*snapshot)->log.error);
  if (!log_file) {
    tell(log_file.error().context);
    return kExitConfiguration;
  }
  files.log_errors_to(*log_file, (*snapshot)->log.level);
  return serve(*snapshot, files, own_path(), from_environment, std::move(inherited));
}

constexpr std::array<std::string_view, 12> kCommands = {"serve",  "check",   "status", "reload", "restart", "rollback",
                                                        "reopen", "upgrade", "stop",   "ban",    "unban",   "bans"};

/// False after saying that the first word is no command.
bool known_command(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "-";
  if (word.starts_with('-') || std::ranges::find(kCommands, word) != kCommands.end()) return true;
  const std::string meant = nearest(word, kCommands);
  std::fprintf(stderr, "edge: there is no command `%s`; %s\n", argv[1],
               meant.empty() ? "run edge --help" : ("did you mean `" + meant + "`?").c_str());
  return false;
}

/// The file that was named, or the one that is looked for in the working folder; empty after saying that there is none.
std::string site_file(const std::string& named) {
  if (!named.empty()) return named;
  const Result<std::string> found = find_site_file();
  if (!found) std::fprintf(stderr, "%s\n", found.error().context.c_str());
  return found.value_or("");
}

/// What may stand behind a command.
struct CommandLine {
  std::string file;
  std::string app;
  BanWords ban;
  ControlOptions control;
  bool json = false;
  int argc = 0;  // the whole of it
  char** argv = nullptr;
};

int serve_or_check(const CommandLine& line, bool serves) {
  const std::string chosen = site_file(line.file);
  if (chosen.empty()) return kExitConfiguration;
  return serves ? serve_command(chosen, Inheritance::take(line.argc, line.argv)) : check(chosen);
}

/// Adds a command whose `action` is to be run, as the exit code in `status`, when it is the one given.
CLI::App* add_command(CLI::App& to, const char* name, const char* what, std::function<int()> action, int& status) {
  CLI::App* command = to.add_subcommand(name, what);
  command->callback([action = std::move(action), &status] { status = action(); });
  return command;
}

/// The commands that ask a running edge.
void add_control_commands(CLI::App& to, CommandLine& line, int& status) {
  const auto add = [&](const char* name, const char* what, std::function<int()> action) {
    return add_command(to, name, what, std::move(action), status);
  };
  CLI::App* status_it =
      add("status", "show what a running edge is doing", [&line] { return status_command(line.control, line.json); });
  status_it->add_flag("--json", line.json, "as JSON, for programs");
  CLI::App* reload = add("reload", "take over a changed site file and changed code, without losing a request",
                         [&line] { return reload_command(line.control); });
  CLI::App* restart = add("restart", "start one app anew, without losing a request",
                          [&line] { return restart_command(line.control, line.app); });
  CLI::App* rollback = add("rollback", "return one app to the generation that served before",
                           [&line] { return rollback_command(line.control, line.app); });
  CLI::App* reopen = add("reopen", "open the log files again, after they were moved away",
                         [&line] { return reopen_command(line.control); });
  CLI::App* upgrade = add("upgrade", "put the program that is installed now in the place of the one that runs",
                          [&line] { return upgrade_command(line.control); });
  CLI::App* stop =
      add("stop", "stop when what is under way is answered", [&line] { return stop_command(line.control); });
  CLI::App* ban = add("ban", "keep an address or a network out, at once and from every site",
                      [&line] { return ban_command(line.control, line.ban); });
  CLI::App* unban = add("unban", "lift a ban", [&line] { return unban_command(line.control, line.ban.address); });
  CLI::App* bans = add("bans", "show who is banned", [&line] { return bans_command(line.control, line.json); });
  for (CLI::App* command : {ban, unban}) {
    command->add_option("address", line.ban.address, "an address, or a network such as 203.0.113.0/24")->required();
  }
  ban->add_option("--for", line.ban.duration, "how long, such as 1h; else until it is lifted");
  ban->add_option("--why", line.ban.why, "the reason, for those who read the list");
  bans->add_flag("--json", line.json, "as JSON, for programs");
  for (CLI::App* command : {restart, rollback}) command->add_option("app", line.app, "the app's name")->required();
  for (CLI::App* command : {status_it, reload, restart, rollback, reopen, upgrade, stop, ban, unban, bans}) {
    command->add_option("file", line.control.file, "the site file that edge serves; else ./site.yaml or ./edge.yaml");
    command->add_option("--control", line.control.control, "the control socket, instead of that of the site file");
  }
}

int run(int argc, char** argv) {
  CLI::App app{"edge: HTTP server and Python app server in one"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "edge " EDGE_VERSION);
  CommandLine line;
  line.argc = argc;
  line.argv = argv;
  int status = kExitOk;
  CLI::App* serve_it = add_command(
      app, "serve", "serve what a site file describes, until SIGTERM or SIGINT",
      [&line] { return serve_or_check(line, true); }, status);
  CLI::App* check_it = add_command(
      app, "check", "say what is wrong in a site file, or ok", [&line] { return serve_or_check(line, false); }, status);
  for (CLI::App* command : {serve_it, check_it}) {
    command->add_option("file", line.file, "the site file; else ./site.yaml or ./edge.yaml");
  }
  add_control_commands(app, line, status);
  if (!known_command(argc, argv)) return kExitConfiguration;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitConfiguration;
  }
  return status;
}

}  // namespace
}  // namespace edge

int main(int argc, char** argv) {
  // edge python-host LIBPYTHON NAME ARGUMENT...: how edge runs itself to host an app where there is a libpython and no
  // interpreter; not for people.
  if (argc >= 4 && std::string_view(argv[1]) == "python-host") {
    return edge::run_embedded_python(argv[2], argc - 3, argv + 3);
  }
  return edge::run(argc, argv);
}
