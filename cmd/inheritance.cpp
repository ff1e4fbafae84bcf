// The environment's part in a start, and the program's own path.
#include "cmd/inheritance.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

namespace edge {
namespace {

bool is_this_program(const std::string& path) {
  struct stat named{};
  struct stat running{};
  return ::stat(path.c_str(), &named) == 0 && ::stat("/proc/self/exe", &running) == 0 &&
         named.st_dev == running.st_dev && named.st_ino == running.st_ino;
}

/// As it was named, absolute: a symbolic link on the way may lead to another version later.
std::string path_of_program(const std::string& name) {
  std::error_code failed;
  if (name.find('/') != std::string::npos) {
    std::string path = std::filesystem::absolute(name, failed).string();
    if (is_this_program(path)) return path;
  } else if (const char* const folders = std::getenv("PATH")) {
    std::string_view left(folders);
    while (!left.empty()) {
      const std::size_t end = std::min(left.find(':'), left.size());
      std::string path = std::filesystem::absolute(std::string(left.substr(0, end)) + "/" + name, failed).string();
      if (is_this_program(path)) return path;
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  }
  return std::filesystem::read_symlink("/proc/self/exe", failed).string();
}

}  // namespace

Inheritance Inheritance::take(int argc, char** argv) {
  Inheritance taken;
  taken.program = path_of_program(argv[0]);
  taken.arguments.assign(argv, argv + argc);
  taken.predecessor = Predecessor::from_environment();
  taken.sockets = InheritedSockets::from_environment();
  if (taken.predecessor) taken.sockets = taken.predecessor.activated();
  for (char** entry = environ; *entry; ++entry) taken.environment.emplace_back(*entry);
  taken.manager = ServiceManager::from_environment();
  return taken;
}

}  // namespace edge
