// The folders of files that a generation's app has told of: opened before it counts as ready, served when it serves.
#include <utility>

#include "appserver/generation.h"
#include "core/log.h"

namespace edge {

void Generation::on_static_folders(std::string_view text) {
  if (!house_.open_folders || std::exchange(folders_told_, true)) return;
  Result<FoundFolders> found = parse_static_folders(text);
  if (!found) return trouble(found.error().context);
  for (const std::string& warning : found->warnings) log::warn("[{}] static: auto: {}", app_->name, warning);
  if (!found->folders.empty() && !may_read_what_edge_may(interpreter_.account)) {
    log::warn(
        "[{}] static: auto: the app has a user or groups of its own, and edge may read files that it may not: the app "
        "answers for its files itself; name the folders in routes, such as {{path: {}, static: {{directory: {}}}}}",
        app_->name, found->folders.front().url, found->folders.front().directory);
    found->folders.clear();
  }
  told_folders_ = std::move(found->folders);
  wanted_folders_ = told_folders_;
  if (!opening_) opening_folders_ = open_folders();
}

void Generation::open_folders_again(std::move_only_function<void()> opened) {
  if (!house_.open_folders || !folders_told_) return house_.main.post(std::move(opened));
  when_folders_opened_.push_back(std::move(opened));
  wanted_folders_ = told_folders_;
  if (!opening_) opening_folders_ = open_folders();
}

Task<void> Generation::open_folders() {
  opening_ = true;
  while (wanted_folders_) {
    const auto work = [open = house_.open_folders, wanted = std::move(*wanted_folders_)] { return open(wanted); };
    wanted_folders_.reset();
    std::shared_ptr<OpenedFolders> opened = co_await house_.main.offload(work);
    folders_ = std::move(opened);
  }
  opening_ = false;
  for (auto& tell : std::exchange(when_folders_opened_, {})) house_.main.post(std::move(tell));
  if (!zygote_ && (killed_ || state_ >= State::leaving)) {
    end();
  } else if (state_ == State::serving) {
    serve_folders();
  } else if (std::exchange(ready_waits_, false) && state_ == State::starting && count_serving() >= target_) {
    become_ready();
  }
}

void Generation::serve_folders() {
  if (!folders_) return;
  for (const FolderStatus& folder : folders_->folders()) {
    log::info("[{}] {} is served from {}{}", app_->name, folder.url, folder.directory,
              folder.hashed_names ? ", hashed names as immutable" : "");
  }
  folders_->serve();
}

}  // namespace edge
