// AppFolders: the folders of files of one app, for each mount of its routes with `static: auto` on every loop.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "appserver/static_folders.h"
#include "cmd/app_folders_handler.h"

namespace edge {

/// One an app. It knows the places that routes have, of whichever configuration, and keeps none of them.
class AppFolders final : public std::enable_shared_from_this<AppFolders> {
 public:
  /// `app` is for the log.
  explicit AppFolders(std::string app) : app_(std::move(app)) {}

  /// From any thread: where routes of that mount and loop that compress alike serve from. Routes of two configurations
  /// share it, so that the next need not wait for the app. Loops and hot files outlive what is opened for them.
  std::shared_ptr<FolderPlace> place(Loop& loop, HotFiles& hot, const std::string& mount,
                                     const std::optional<CompressSettings>& compress);
  /// There is a place that nothing was opened for.
  bool wants_opening();
  /// For AppPool::find_folders(): opens what the app has told of for all places that there are then.
  OpenFolders opener();

 private:
  std::vector<std::shared_ptr<FolderPlace>> places();

  const std::string app_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<FolderPlace>> places_;  // guarded by mutex_
};

}  // namespace edge
