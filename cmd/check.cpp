// The check command, and the site file that is taken when none is named.
#include "cmd/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "cmd/exit_code.h"
#include "config/load.h"

namespace edge {

int check(const std::string& file) {
  const auto from_environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  const auto snapshot = config::load(file, from_environment);
  if (snapshot) {
    fmt::print("ok\n");
    return kExitOk;
  }
  for (const config::Problem& problem : snapshot.error()) fmt::print(stderr, "{}\n", problem.text());
  return kExitConfiguration;
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
