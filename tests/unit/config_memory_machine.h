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

  /// Not root: this machine knows the users and groups www-data (33) and nobody (65534), and runs as the former.
  void run_as_www_data() { is_root_ = false; }

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
  Result<Account> account(const std::string& user, const std::string& group) const override {
    Account found = own_account();
    const auto is_known = [](const std::string& name) {
      return name.empty() || name == "www-data" || name == "nobody";
    };
    if (!is_known(user)) return fail(ErrorKind::internal, Side::ours, "there is no user " + user);
    if (!is_known(group)) return fail(ErrorKind::internal, Side::ours, "there is no group " + group);
    if (!user.empty()) found.user = found.group = id_of(user);
    if (!group.empty()) found.group = id_of(group);
    return found;
  }
  bool may_run_as(const Account& account) const override {
    return is_root_ || (account.user == own_account().user && account.group == own_account().group);
  }

 private:
  static uid_t id_of(const std::string& name) { return name == "www-data" ? 33 : 65534; }
  Account own_account() const { return is_root_ ? Account{} : Account{33, 33, {}, {}, {}}; }

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
  bool is_root_ = true;
};

}  // namespace edge::config
