// Comparing by value what belongs to the process, and by text what is built anew anyway.
#include "cmd/changed_settings.h"

#include <tuple>

namespace edge {

std::vector<std::string> changed_for_restart(const config::Process& started_with, const config::Process& now) {
  std::vector<std::string> keys;
  const auto compare = [&](const char* key, auto member) {
    if (started_with.*member != now.*member) keys.emplace_back(key);
  };
  compare("edge.threads", &config::Process::threads);
  compare("edge.user", &config::Process::user);
  compare("edge.group", &config::Process::group);
  compare("edge.pid_file", &config::Process::pid_file);
  compare("edge.control", &config::Process::control);
  compare("edge.runtime_dir", &config::Process::runtime_dir);
  compare("edge.state_dir", &config::Process::state_dir);
  compare("edge.limits_memory", &config::Process::limits_memory);
  return keys;
}

std::vector<std::string> changed_sections(const config::Snapshot& before, const config::Snapshot& now) {
  std::vector<std::string> changed;
  const auto applied = [](const config::Process& process) {
    return std::tie(process.max_connections, process.hot_files, process.max_bans, process.shutdown_timeout);
  };
  const bool same_trust = before.process.trusted_proxies_text == now.process.trusted_proxies_text;
  if (applied(before.process) != applied(now.process) || !same_trust) changed.emplace_back("edge");
  for (const auto& [name, text] : now.sections) {
    const auto at = before.sections.find(name);
    if (name != "edge" && (at == before.sections.end() || at->second != text)) changed.push_back(name);
  }
  for (const auto& [name, text] : before.sections) {
    if (name != "edge" && !now.sections.contains(name)) changed.push_back(name);
  }
  return changed;
}

}  // namespace edge
