// The folders of files that an app has, as its own process tells of them (`static: auto`), and their way to whoever
// serves them in its place: appserver itself serves no files.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/app_status.h"
#include "core/account.h"
#include "core/result.h"

namespace edge {

struct StaticFolder {
  std::string url;            // decoded, with "/" at its end
  bool below_mount = false;   // `url` is below the app's mount, and has no "/" at its beginning; may be empty then
  std::string directory;      // absolute
  bool hashed_names = false;  // a name like app.55e7cbb9ba48.js means the same content for ever
  std::vector<std::string> not_hashed;  // paths below `url` that only look like that; sorted
};

struct FoundFolders {
  std::vector<StaticFolder> folders;  // at most kMostStaticFolders, no URL twice
  std::vector<std::string> warnings;
};
inline constexpr std::size_t kMostStaticFolders = 64;

/// Reads a message of wire::ControlKind::kStaticFolders. Nothing in it is believed: a folder that no request could ask
/// for becomes a warning. Error: it is no such message.
Result<FoundFolders> parse_static_folders(std::string_view text);

/// Whether an app that runs as `account` (nothing: as edge does) may read whatever this process may. One that may not
/// must not have edge read for it.
bool may_read_what_edge_may(const std::optional<Account>& account);

/// Folders that stand open.
class OpenedFolders {
 public:
  virtual ~OpenedFolders() = default;
  /// On the main loop: from now on requests are answered from these, in the place of those that served before. May be
  /// called again after others have served.
  virtual void serve() = 0;
  virtual const std::vector<FolderStatus>& folders() const = 0;
};

/// Blocks: it is called on the thread pool, once at a time for an app. What cannot be opened is left out and logged.
using OpenFolders = std::function<std::shared_ptr<OpenedFolders>(const std::vector<StaticFolder>&)>;

}  // namespace edge
