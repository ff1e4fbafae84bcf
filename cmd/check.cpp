// The check command, and the site file that is taken when none is named.
#include "cmd/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "cmd/changeover.h"
#include "cmd/exit_code.h"
#include "config/load.h"
#include "core/log_files.h"

namespace edge {

namespace {

/// What a start and a reload build, up to where somebody would see it: a socket, a log file, a process.
Result<void> build_and_forget(std::shared_ptr<const config::Snapshot> snapshot,
                              const config::Environment& environment) {
  LogFiles files;
  Running running(files, {});
  running.loops.push_back(
      std::make_unique<EdgeLoop>(0, running.connections, running.guard, snapshot->process.hot_files));
  if (Result<void> opened = running.limits.open(snapshot->process); !opened) return opened;
  running.apps.set_up({&running.loops.front()->loop()}, {}, {});
  Changeover change(running, std::move(snapshot), environment);
  if (Result<void> opened = change.open_nothing(); !opened) return opened;
  change.make_apps();
  return change.build();
}

}  // namespace

int check(const std::string& file) {
  const auto from_environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  const auto snapshot = config::load(file, from_environment);
  if (!snapshot) {
    for (const config::Problem& problem : snapshot.error()) fmt::print(stderr, "{}\n", problem.text());
    return kExitConfiguration;
  }
  if (const Result<void> built = build_and_forget(*snapshot, from_environment); !built) {
    fmt::print(stderr, "{}\n", built.error().context);
    return kExitConfiguration;
  }
  fmt::print("ok\n");
  return kExitOk;
}

Result<std::string> find_site_file() {
  std::error_code failed;
  for (const char* name : {"site.yaml", "edge.yaml"}) {
    if (std::filesystem::exists(name, failed)) return name;
  }
  const std::string here = std::filesystem::current_path(failed).string();
  return fail(ErrorKind::not_found, Side::ours,
              fmt::format("no site file is named, and there is neither site.yaml nor edge.yaml in {}; name one "
                          "after the command",
                          here));
}

}  // namespace edge
