// AppFoldersHandler: a route of an app with `static: auto`. A file that is there in one of the app's folders is served
// without the app; everything else is the app's to answer, a file that is missing too.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/http/handler.h"
#include "core/http/router.h"
#include "core/http/settings.h"
#include "core/net/loop.h"
#include "static/hot_files.h"

namespace edge {

/// A folder that stands open for one loop.
struct OpenFolder {
  std::string url;  // with "/" at both ends
  std::unique_ptr<Handler> files;
  bool hashed_names = false;
  std::vector<std::string> not_hashed{};  // sorted; paths below the URL whose names only look as if they were
};
using FolderList = std::vector<OpenFolder>;  // the longest URL first

/// The folders that the routes of one mount that compress alike serve from on one loop; it outlives each of these
/// routes, and what they use at present goes on being used by those that come with another configuration.
struct FolderPlace {
  /// `files` is the loop's, and outlives the place and its folders; `at` the mount, "/shop" or empty; `by` what its
  /// routes compress, which the files' kept answers are made for.
  FolderPlace(Loop& on, HotFiles& files, std::string at, std::optional<CompressSettings> by = {})
      : loop(on), hot(files), mount(std::move(at)), compress(std::move(by)) {}

  Loop& loop;
  HotFiles& hot;
  const std::string mount;
  const std::optional<CompressSettings> compress;
  std::atomic<bool> opened = false;  // folders were, for this place; set on any thread
  /// Of the loop's thread. What a request has begun with lives until that has ended.
  std::shared_ptr<const FolderList> folders = std::make_shared<const FolderList>();
};

/// One object a route and loop.
class AppFoldersHandler final : public Handler {
 public:
  AppFoldersHandler(std::shared_ptr<const FolderPlace> place, std::unique_ptr<Handler> app)
      : place_(std::move(place)), app_(std::move(app)) {}

  Task<Response> handle(Request& request) override;

 private:
  const OpenFolder* folder_for(const Request& request) const;
  Task<Response> handle_in(Request& request, std::shared_ptr<const FolderList> folders, const OpenFolder& folder);

  std::shared_ptr<const FolderPlace> place_;
  std::unique_ptr<Handler> app_;
};

/// Whether a file's name holds the hash of its content as Django puts it there: NAME.55e7cbb9ba48.EXT, or without EXT.
bool has_hash(std::string_view path);

}  // namespace edge
