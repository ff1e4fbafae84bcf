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
  std::shared_ptr<FolderPlace> place;
  std::shared_ptr<const FolderList> folders;
};

class Opened final : public OpenedFolders {
 public:
  Opened(std::vector<RouteFolders> routes, std::vector<FolderStatus> status)
      : routes_(std::move(routes)), status_(std::move(status)) {}
  /// Handlers of files belong to their loops: there they are let go.
  ~Opened() override {
    for (RouteFolders& each : routes_) {
      Loop& loop = each.place->loop;
      loop.post([gone = std::move(each)] {});
    }
  }

  void serve() override {
    for (const RouteFolders& each : routes_) {
      each.place->loop.post([each] { each.place->folders = each.folders; });
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
  explicit Opener(std::string app) : app_(std::move(app)) {}

  std::shared_ptr<OpenedFolders> open(const std::vector<StaticFolder>& told,
                                      std::vector<std::shared_ptr<FolderPlace>> places) const {
    const std::vector<StaticFolder> found = without_closed(app_, told);
    std::vector<RouteFolders> routes;
    std::vector<FolderStatus> status;
    for (std::shared_ptr<FolderPlace>& place : places) {
      std::shared_ptr<const FolderList> folders = open_for(*place, found, status);
      place->opened = true;
      routes.push_back({std::move(place), std::move(folders)});
    }
    return std::make_shared<Opened>(std::move(routes), std::move(status));
  }

 private:
  std::shared_ptr<const FolderList> open_for(const FolderPlace& place, const std::vector<StaticFolder>& found,
                                             std::vector<FolderStatus>& status) const {
    FolderList list;
    for (const StaticFolder& folder : found) {
      const std::optional<std::string> url = url_at(folder, place.mount);
      if (!url) {
        if (place.loop.index() == 0) warn_of_mount(folder, place.mount);
        continue;
      }
      if (std::ranges::find(list, *url, &OpenFolder::url) != list.end()) continue;  // written in two ways
      std::unique_ptr<Handler> files = open_files(*url, folder.directory, place.hot);
      if (!files) continue;
      list.push_back({*url, std::move(files), folder.hashed_names, folder.not_hashed});
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
};

}  // namespace

std::shared_ptr<FolderPlace> AppFolders::place(Loop& loop, HotFiles& hot, const std::string& mount,
                                               const std::optional<CompressSettings>& compress) {
  const std::lock_guard lock(mutex_);
  std::erase_if(places_, [](const auto& one) { return one.expired(); });
  for (const auto& one : places_) {
    std::shared_ptr<FolderPlace> known = one.lock();
    if (known && &known->loop == &loop && known->mount == mount && known->compress == compress) return known;
  }
  auto made = std::make_shared<FolderPlace>(loop, hot, mount, compress);
  places_.push_back(made);
  return made;
}

std::vector<std::shared_ptr<FolderPlace>> AppFolders::places() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<FolderPlace>> all;
  for (const auto& one : places_) {
    if (std::shared_ptr<FolderPlace> place = one.lock()) all.push_back(std::move(place));
  }
  return all;
}

bool AppFolders::wants_opening() {
  return std::ranges::any_of(places(), [](const auto& place) { return !place->opened; });
}

OpenFolders AppFolders::opener() {
  return [self = shared_from_this()](const std::vector<StaticFolder>& told) {
    return Opener(self->app_).open(told, self->places());
  };
}

}  // namespace edge
