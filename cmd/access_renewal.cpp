// Watching list files, and turning loops to what they hold.
#include "cmd/access_renewal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "core/log.h"
#include "core/net/run_elsewhere.h"

namespace edge {

namespace {
constexpr Milliseconds kLookForChanges{1'000};
}

void AccessRenewal::watch() {
  if (stopped_) return;
  std::vector<std::string> files = list_files(*running_.snapshot);
  if (files_ == files) {  // what a reload has read may be older than what was read while it was under way
    if (!files.empty() && !running_.access->are_current()) read_again();
    return;
  }
  files_ = std::move(files);
  watch_.reset();
  if (files_.empty()) return;
  std::vector<std::string> patterns;
  for (const std::string& file : files_) patterns.push_back(literal_pattern(file));
  watch_ = std::make_unique<PathWatch>(
      running_.main, patterns, kLookForChanges, [this](const std::string& what) { changed(what); },
      [this] { return running_.access->are_current(); });
}

void AccessRenewal::stop() {
  stopped_ = true;
  watch_.reset();
}

void AccessRenewal::changed(const std::string& what) {
  log::info("lists: {}", what);
  read_again();
}

void AccessRenewal::read_again() {
  again_ = std::exchange(under_way_, true);
  if (again_) return;  // take() begins anew
  const auto read = [snapshot = running_.snapshot, &main = running_.main] { return AccessLists::load(snapshot, main); };
  const auto done = [this, alive = std::weak_ptr(alive_)](Result<std::shared_ptr<const AccessLists>> lists) {
    if (!alive.expired()) take(std::move(lists));
  };
  run_elsewhere(running_.main, read, done);
}

void AccessRenewal::take(Result<std::shared_ptr<const AccessLists>> read) {
  under_way_ = false;
  if (stopped_) return;
  if (again_) return read_again();
  if (!read) return log::error("{}; the lists that were read before stay in force", read.error().context);
  if (!(*read)->are_of(*running_.snapshot)) return;  // a reload came between, and has read them itself
  running_.access = std::move(*read);
  for (const auto& loop : running_.loops) loop->renew_access(running_.access, [] {});
  log::info("lists: read again: {}", fmt::join(running_.access->read_files(), ", "));
}

}  // namespace edge
