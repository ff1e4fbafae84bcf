// AccessLists: the address lists of a snapshot, and the rules that its sites and routes make of them.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/snapshot.h"
#include "core/access_rules.h"
#include "core/file_tree.h"
#include "core/net/loop.h"
#include "core/result.h"

namespace edge {

/// Immutable; shared by all loops. Two of the same snapshot have the same rules in the same order.
class AccessLists {
 public:
  /// Blocks: reads the files of all lists, a million lines in about a third of a second. An error names the file, the
  /// line and the column, or where the file is named. What is made ends on the thread pool of `main`.
  static Result<std::shared_ptr<const AccessLists>> load(std::shared_ptr<const config::Snapshot> snapshot, Loop& main);

  bool are_of(const config::Snapshot& snapshot) const { return snapshot_.get() == &snapshot; }
  const std::shared_ptr<const config::Snapshot>& snapshot() const { return snapshot_; }
  std::size_t size() const { return rules_.size(); }
  /// Of settings that a site or a route of the snapshot has.
  std::size_t index_of(const config::AccessSettings& settings) const;
  const AccessRules& rules(std::size_t index) const { return rules_[index].rules; }
  /// Whether the files are those that were read. Blocking for microseconds.
  bool are_current() const;
  /// Whether both were read from the same files in the same state.
  bool same_files(const AccessLists& other) const { return files_ == other.files_; }
  /// "blocked: 120000 entries", of each list that has a file.
  const std::vector<std::string>& read_files() const { return read_; }

 private:
  class Loader;
  struct Made {
    std::shared_ptr<const config::AccessSettings> settings;
    AccessRules rules;
  };
  struct File {
    std::string path;
    std::optional<FileState> state;
    bool operator==(const File&) const = default;
  };
  std::shared_ptr<const config::Snapshot> snapshot_;
  std::vector<Made> rules_;  // of different settings
  std::vector<File> files_;
  std::vector<std::string> read_;
};

/// Keeps all the lists.
std::shared_ptr<const AccessRules> rules_of(const std::shared_ptr<const AccessLists>& lists, std::size_t index);

/// The files whose change means that lists are to be read again.
std::vector<std::string> list_files(const config::Snapshot& snapshot);

}  // namespace edge
