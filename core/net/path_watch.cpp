// Looks on libuv's thread pool.
#include "core/net/path_watch.h"

#include <utility>

#include "core/log.h"

namespace edge {

namespace {

constexpr FileTree::Limits kLimits{.files = PathWatch::kMostFiles, .entries = 5 * PathWatch::kMostFiles};
constexpr std::size_t kManyRestlessLooks = 60;

}  // namespace

struct PathWatch::Look {
  Look(PathWatch* asked_by, std::shared_ptr<const std::vector<PathPattern>> for_patterns)
      : watch(asked_by), patterns(std::move(for_patterns)) {
    request.data = this;
  }

  void run() {
    FileTree tree(kLimits, &unwanted);
    for (const PathPattern& pattern : *patterns) {
      const std::size_t before = tree.size();
      const std::size_t denied_before = tree.denied().size();
      pattern.find(tree);
      failure = tree.failure();
      if (!failure.empty()) return;
      if (tree.size() == before) without_match.push_back(why_nothing(pattern, tree.denied(), denied_before));
      if (!tree.is_complete()) {
        cut_at = pattern.text();
        break;
      }
    }
    denied = tree.denied();
    found = tree.take();
  }

  static std::string why_nothing(const PathPattern& pattern, const std::vector<std::string>& denied,
                                 std::size_t denied_before) {
    if (denied.size() == denied_before) return pattern.text() + " is watched, but there is no such file yet";
    return pattern.text() + " is watched, but edge may not read " + denied[denied_before] + ": let its user do so";
  }

  uv_work_t request{};
  PathWatch* watch;  // null: it was destroyed meanwhile; the loop's thread only
  std::shared_ptr<const std::vector<PathPattern>> patterns;
  std::atomic<bool> unwanted = false;
  std::vector<SeenFile> found;
  std::vector<std::string> denied;
  std::vector<std::string> without_match;  // sentences for people
  std::string cut_at;                      // the pattern at which the limit was reached
  std::string failure;                     // then nothing else is known

  /// A file that was seen before and may not be looked at any more has not gone: nobody knows what became of it.
  void distrust(const SettledChange& before) {
    for (const std::string& path : denied) {
      if (!failure.empty()) return;
      if (!before.known_at(path).empty()) failure = path + ": edge may not read it any more; let its user do so";
    }
  }
};

PathWatch::PathWatch(Loop& loop, const std::vector<std::string>& patterns, Milliseconds every, Changed changed,
                     IsCurrent is_current)
    : loop_(loop),
      patterns_(std::make_shared<const std::vector<PathPattern>>(patterns.begin(), patterns.end())),
      every_(every),
      changed_(std::make_shared<Changed>(std::move(changed))),
      is_current_(std::move(is_current)) {
  look();
}

PathWatch::~PathWatch() {
  if (!look_) return;
  look_->watch = nullptr;
  look_->unwanted = true;
}

void PathWatch::look() {
  look_ = new Look(this, patterns_);
  const auto run = [](uv_work_t* request) { static_cast<Look*>(request->data)->run(); };
  const auto done = [](uv_work_t* request, int) {
    const std::unique_ptr<Look> look(static_cast<Look*>(request->data));
    if (look->watch) look->watch->looked(*look);
  };
  uv_queue_work(loop_.uv(), &look_->request, run, done);
}

void PathWatch::looked(Look& look) {
  look_ = nullptr;
  look.distrust(settled_);
  warn_of_failure(look.failure);
  if (!look.failure.empty()) return loop_.arm(*this, every_);
  warn_of(look);
  const std::string what = settled_.take(std::move(look.found));
  if (!std::exchange(begun_, true) && !is_current_())
    settled_.changed_before("files may have changed since they were read");
  if (settled_.restless_looks() == kManyRestlessLooks) warn_of_restlessness();
  loop_.arm(*this, every_);
  if (what.empty()) return;
  const std::shared_ptr<Changed> changed = changed_;
  (*changed)(what);
}

void PathWatch::warn_of(const Look& look) {
  if (!begun_) {
    for (const std::string& why : look.without_match) log::warn("{}", why);
  }
  if (look.cut_at.empty() || warned_of_limit_) return;
  warned_of_limit_ = true;
  log::warn("{} is watched, but there are too many files: only the first {} count; name fewer, or folders of code only",
            look.cut_at, look.found.size());
}

/// Once, until a look succeeds again.
void PathWatch::warn_of_failure(const std::string& failure) {
  const bool warned_before = std::exchange(warned_of_failure_, !failure.empty());
  if (failure.empty() || warned_before) return;
  log::warn("files are watched, but cannot be looked at: {}; nothing is reloaded until they can", failure);
}

void PathWatch::warn_of_restlessness() {
  log::warn(
      "{}, and since then files that are watched have not come to rest in {} looks: nothing is reloaded before; "
      "watch no file that is written all the time",
      settled_.begun_by(), kManyRestlessLooks);
}

}  // namespace edge
