// MemoryMachine: files, folders and an environment in memory, for tests of the configuration.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/machine.h"

namespace edge::config {

/// Its working directory is /site, where relative names are added; folders exist as far as files or add_directory()
/// ask for them.
class MemoryMachine final : public Machine {
 public:
  void add_file(const std::string& name, std::string content) {
    const std::string path = resolved(absolute_path(working_directory(), name));
    files_[path] = std::move(content);
    add_directory(parent_path(path));
  }
  void add_directory(const std::string& name) {
    for (std::string path = resolved(absolute_path(working_directory(), name)); path != "/"; path = parent_path(path)) {
      directories_.insert(path);
    }
  }
  void make_unreadable(const std::string& name) { unreadable_.insert(absolute_path(working_directory(), name)); }
  void set_variable(const std::string& name, std::string value) { variables_[name] = std::move(value); }

  std::string working_directory() const override { return "/site"; }
  Kind kind(const std::string& path) const override {
    const std::string found = resolved(path);
    if (files_.contains(found)) return Kind::file;
    return found == "/" || found == "/site" || directories_.contains(found) ? Kind::directory : Kind::missing;
  }
  bool readable(const std::string& path) const override { return !unreadable_.contains(resolved(path)); }
  std::expected<std::string, std::string> read(const std::string& path) const override {
    const std::string found = resolved(path);
    if (!readable(found)) return std::unexpected("Permission denied");
    if (kind(found) == Kind::directory) return std::unexpected("Is a directory");
    if (kind(found) == Kind::missing) return std::unexpected("No such file or directory");
    return files_.at(found);
  }
  std::vector<std::string> names(const std::string& directory) const override {
    std::vector<std::string> result;
    const auto take = [&](const std::string& path) {
      if (parent_path(path) == resolved(directory)) result.push_back(path.substr(path.rfind('/') + 1));
    };
    for (const auto& [path, content] : files_) take(path);
    for (const std::string& path : directories_) take(path);
    return {result.rbegin(), result.rend()};  // no order is promised
  }
  std::optional<std::string> variable(const std::string& name) const override {
    const auto found = variables_.find(name);
    return found == variables_.end() ? std::nullopt : std::optional(found->second);
  }
  unsigned usable_cpus() const override { return 4; }

 private:
  /// There are no symbolic links here, so ".." can be resolved as text.
  static std::string resolved(const std::string& path) {
    std::string result;
    std::size_t at = 0;
    while (at < path.size()) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      const std::string step = path.substr(at, end - at);
      if (step == "..")
        result.resize(result.rfind('/') == std::string::npos ? 0 : result.rfind('/'));
      else if (!step.empty())
        result += "/" + step;
      at = end + 1;
    }
    return result.empty() ? "/" : result;
  }

  std::map<std::string, std::string> files_;
  std::set<std::string> directories_;
  std::set<std::string> unreadable_;
  std::map<std::string, std::string> variables_;
};

}  // namespace edge::config
