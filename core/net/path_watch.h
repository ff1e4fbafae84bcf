// PathWatch: calls a function when files that match patterns have changed, by looking at them again and again.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/deadline.h"
#include "core/net/loop.h"
#include "core/path_pattern.h"
#include "core/settled_change.h"

namespace edge {

/// On its loop's thread; it looks on the thread pool, and never twice at once, so that a file system which hangs costs
/// one thread of the pool. A look that fails, or may not see what it saw before, counts for nothing, and is warned of.
/// At most kMostFiles are watched: of more it warns once.
class PathWatch final : Deadline {
 public:
  /// `what`: the first file of the burst that changed, for people: "/srv/blog/views.py changed", "… is new", "… is
  /// gone".
  using Changed = std::move_only_function<void(const std::string& what)>;
  using IsCurrent = std::move_only_function<bool()>;
  static constexpr std::size_t kMostFiles = 10'000;

  /// Looks at once, and then `every` so often after the end of the look before; what changes after the first look is a
  /// change. So is, once, that `is_current` says no after it: of files that were read before the watch began.
  /// `changed` runs once for a burst of changes, when two looks in a row agree; it may destroy the watch.
  PathWatch(
      Loop& loop, const std::vector<std::string>& patterns, Milliseconds every, Changed changed,
      IsCurrent is_current = [] { return true; });
  PathWatch(const PathWatch&) = delete;
  PathWatch& operator=(const PathWatch&) = delete;
  /// At any time: a look that is under way ends by itself, soon and without effect.
  ~PathWatch();

 private:
  struct Look;

  void on_deadline() override { look(); }
  void look();
  void looked(Look& look);
  void warn_of(const Look& look);
  void warn_of_failure(const std::string& failure);
  void warn_of_restlessness();

  Loop& loop_;
  std::shared_ptr<const std::vector<PathPattern>> patterns_;  // shared with the look
  Milliseconds every_;
  std::shared_ptr<Changed> changed_;  // shared with the call, in which the watch may die
  IsCurrent is_current_;
  SettledChange settled_;
  Look* look_ = nullptr;  // under way; owned by the thread pool's answer
  bool begun_ = false;
  bool warned_of_limit_ = false;
  bool warned_of_failure_ = false;
};

}  // namespace edge
