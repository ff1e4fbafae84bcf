// DocumentRoot: a directory's descriptor, which follows the directory's path. One thread, but for share().
//
// Files are opened relative to a descriptor, so the path is not walked for every request, and a release that is
// deployed by renaming a folder or by switching a symbolic link would go unseen. So the path is looked up again, at
// most once in kRecheck and only when a request asks; if another directory stands there, it takes the old one's place.
// While none stands there (between two renames) the old one stays.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/duration.h"
#include "core/result.h"
#include "core/unique_fd.h"
#include "static/beneath.h"

namespace edge {

class DocumentRoot {
 public:
  static constexpr Milliseconds kRecheck{1'000};

  /// Blocks; for start-up. The error names the path and the reason.
  static Result<DocumentRoot> open(const std::string& path, Milliseconds recheck = kRecheck);

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_->get(); }
  /// For the thread pool: open until the last holder has let go, also when the directory has been replaced.
  std::shared_ptr<const UniqueFd> share() const { return descriptor_; }

  /// Whether the path is due to be looked up again; true once for each kRecheck. `now` is of Loop::now().
  bool due(std::uint64_t now);

  /// What stands at a path.
  struct Found {
    UniqueFd descriptor;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    int error = 0;  // errno; EAGAIN after OpenStep::cached: ask again on the thread pool
  };
  static Found look_up(const std::string& path, OpenStep step);
  void follow(Found found);

 private:
  DocumentRoot(std::string path, Milliseconds recheck, Found found);

  std::string path_;
  std::shared_ptr<const UniqueFd> descriptor_;
  std::uint64_t device_;
  std::uint64_t inode_;
  std::uint64_t recheck_;  // milliseconds
  std::uint64_t due_at_ = 0;
  bool missing_ = false;  // said so in the log
};

}  // namespace edge
