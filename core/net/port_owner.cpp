// Reads /proc/net/tcp for the socket and /proc/PID/fd for its owner.
#include "core/net/port_owner.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace edge {

namespace {

namespace fs = std::filesystem;

void collect_listeners(const char* table, std::uint16_t port, std::vector<std::string>& links) {
  std::ifstream lines(table);
  std::string line;
  std::getline(lines, line);  // the heading
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, skipped, inode;
    fields >> slot >> local >> remote >> state;
    for (int i = 0; i < 5; ++i) fields >> skipped;
    fields >> inode;
    const std::size_t colon = local.rfind(':');
    unsigned found = 0;
    if (colon == std::string::npos || state != "0A") continue;  // 0A: LISTEN
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), found, 16);
    if (found == port) links.push_back("socket:[" + inode + "]");
  }
}

bool holds(const fs::path& process, const std::vector<std::string>& links) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(process / "fd", failed)) {
    const fs::path target = fs::read_symlink(entry.path(), failed);
    for (const std::string& link : links) {
      if (target == link) return true;
    }
  }
  return false;
}

}  // namespace

std::string process_listening_on(std::uint16_t port) {
  std::vector<std::string> links;
  collect_listeners("/proc/net/tcp", port, links);
  collect_listeners("/proc/net/tcp6", port, links);
  if (links.empty()) return {};
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos || !holds(entry.path(), links)) continue;
    std::string name;
    std::ifstream comm(entry.path() / "comm");
    std::getline(comm, name);
    return name + " (pid " + pid + ")";
  }
  return {};
}

}  // namespace edge
