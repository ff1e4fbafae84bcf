// Opening an app's folders, and handing them to the loops.
#include "cmd/app_folders.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "config/snapshot.h"
#include "core/log.h"
#include "static/static_handler.h"

namespace edge {

namespace {

struct RouteFolders {
  AppFoldersHandler* route;
  Loop& loop;
  std::shared_ptr<const FolderList> folders;
};

class Opened final : public OpenedFolders {
 public:
  Opened(std::vector<RouteFolders> routes, std::vector<FolderStatus> status)
      : routes_(std::move(routes)), status_(std::move(status)) {}
  /// Handlers of files belong to their loops: there they are let go.
  ~Opened() override {
    for (RouteFolders& each : routes_) each.loop.post([folders = std::move(each.folders)] {});
  }

  void serve() override {
    for (const RouteFolders& each : routes_) {
      each.loop.post([route = each.route, folders = each.folders] { route->use(folders); });
    }
  }
  const std::vector<FolderStatus>& folders() const override { return status_; }

 private:
  std::vector<RouteFolders> routes_;
  std::vector<FolderStatus> status_;
};

/// Where requests of that route ask for the folder; nothing when they cannot.
std::optional<std::string> url_at(const StaticFolder& folder, const std::string& mount) {
  if (folder.below_mount) return mount + '/' + folder.url;
  const bool below = mount.empty() || folder.url.starts_with(mount + '/');
  return below ? std::optional(folder.url) : std::nullopt;
}

/// Empty when edge can open it and look into it.
std::string why_closed(const std::string& directory) {
  if (const Result<DocumentRoot> root = DocumentRoot::open(directory); !root) return root.error().context;
  if (access(directory.c_str(), X_OK) == 0) return {};
  return "directory " + directory + ": edge has no right to look into it: " + std::generic_category().message(errno);
}

/// Folders as found, but for those that cannot be opened.
std::vector<StaticFolder> without_closed(const std::string& app, std::vector<StaticFolder> found) {
  std::erase_if(found, [&app](const StaticFolder& folder) {
    const std::string why = why_closed(folder.directory);
    if (!why.empty()) log::warn("[{}] static: auto: {}; the app answers for its files itself", app, why);
    return !why.empty();
  });
  return found;
}

/// An index or a listing would be edge's idea, so a folder itself is the app's to answer.
std::unique_ptr<Handler> open_files(const std::string& url, const std::string& directory, HotFiles& hot) {
  config::StaticFiles files;
  files.directory = directory;
  files.index.clear();
  RoutePath path;
  path.path = url;
  Result<std::unique_ptr<StaticHandler>> opened = StaticHandler::open(files, path, hot);
  return opened ? std::move(*opened) : nullptr;  // it has gone since it was looked at
}

class Opener {
 public:
  Opener(std::string app, std::vector<AppFoldersHandler*> routes) : app_(std::move(app)), routes_(std::move(routes)) {}

  std::shared_ptr<OpenedFolders> operator()(const std::vector<StaticFolder>& told) const {
    const std::vector<StaticFolder> found = without_closed(app_, told);
    std::vector<RouteFolders> routes;
    std::vector<FolderStatus> status;
    for (AppFoldersHandler* route : routes_) {
      routes.push_back({route, route->loop(), open_for(*route, found, status)});
    }
    return std::make_shared<Opened>(std::move(routes), std::move(status));
  }

 private:
  std::shared_ptr<const FolderList> open_for(const AppFoldersHandler& route, const std::vector<StaticFolder>& found,
                                             std::vector<FolderStatus>& status) const {
    FolderList list;
    for (const StaticFolder& folder : found) {
      const std::optional<std::string> url = url_at(folder, route.mount());
      if (!url) {
        if (route.loop().index() == 0) warn_of_mount(folder, route.mount());
        continue;
      }
      if (std::ranges::find(list, *url, &OpenFolder::url) != list.end()) continue;  // written in two ways
      std::unique_ptr<Handler> files = open_files(*url, folder.directory, route.hot_files());
      if (!files) continue;
      list.push_back({*url, std::move(files), folder.hashed_names});
      const bool known = std::ranges::any_of(status, [&](const FolderStatus& one) { return one.url == *url; });
      if (!known) status.push_back({*url, folder.directory, folder.hashed_names});
    }
    std::ranges::sort(list, std::ranges::greater(), [](const OpenFolder& folder) { return folder.url.size(); });
    return std::make_shared<const FolderList>(std::move(list));
  }

  void warn_of_mount(const StaticFolder& folder, const std::string& mount) const {
    log::warn(
        "[{}] static: auto: {} is not below the mount {}, where its requests come from; in Django write it without the "
        "slash at its beginning",
        app_, folder.url, mount);
  }

  std::string app_;
  std::vector<AppFoldersHandler*> routes_;
};

}  // namespace

OpenFolders folder_opener(std::string app, std::vector<AppFoldersHandler*> routes) {
  return Opener(std::move(app), std::move(routes));
}

}  // namespace edge
