// AppFoldersHandler: a route of an app with `static: auto`. A file that is there in one of the app's folders is served
// without the app; everything else is the app's to answer, a file that is missing too.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/http/handler.h"
#include "core/http/router.h"
#include "core/net/loop.h"
#include "static/hot_files.h"

namespace edge {

/// A folder that stands open for one loop.
struct OpenFolder {
  std::string url;  // with "/" at both ends
  std::unique_ptr<Handler> files;
  bool hashed_names = false;
};
using FolderList = std::vector<OpenFolder>;  // the longest URL first

/// One object a route and loop.
class AppFoldersHandler final : public Handler {
 public:
  /// `hot` is the loop's, and outlives the handler and its folders.
  AppFoldersHandler(Loop& loop, HotFiles& hot, std::string mount, std::unique_ptr<Handler> app)
      : loop_(loop), hot_(hot), mount_(std::move(mount)), app_(std::move(app)) {}

  /// From the loop's thread, or before it runs. What a request has begun with lives until that has ended.
  void use(std::shared_ptr<const FolderList> folders) { folders_ = std::move(folders); }

  // From any thread:
  Loop& loop() const { return loop_; }
  HotFiles& hot_files() const { return hot_; }
  const std::string& mount() const { return mount_; }

  Task<Response> handle(Request& request) override;

 private:
  const OpenFolder* folder_for(const Request& request) const;
  Task<Response> handle_in(Request& request, std::shared_ptr<const FolderList> folders, const OpenFolder& folder);

  Loop& loop_;
  HotFiles& hot_;
  std::string mount_;  // "/shop" or empty
  std::unique_ptr<Handler> app_;
  std::shared_ptr<const FolderList> folders_ = std::make_shared<const FolderList>();
};

/// Whether a file's name holds the hash of its content as Django puts it there: NAME.55e7cbb9ba48.EXT, or without EXT.
bool has_hash(std::string_view path);

}  // namespace edge
