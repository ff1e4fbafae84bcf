// Scope: owns root tasks that nobody awaits; shutdown closes it and waits until the last has ended. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <list>

#include "core/task.h"

namespace edge {

class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { assert(running_.empty() && "a scope was destroyed with tasks inside"); }

  /// Keeps `task` until it ends.
  void keep(Task<void> task) {
    if (task.done()) return;
    running_.emplace_front(this, std::move(task));
    Entry& entry = running_.front();
    entry.at = running_.begin();
    entry.task.on_done({[](void* with) { static_cast<Entry*>(with)->end(); }, &entry});
  }

  bool empty() const { return running_.empty(); }
  /// Called once, in the call that ends the last task, or at once when there is none.
  void when_empty(std::move_only_function<void()> then) {
    if (running_.empty()) return then();
    when_empty_ = std::move(then);
  }

 private:
  struct Entry {
    Entry(Scope* in, Task<void> kept) : scope(in), task(std::move(kept)) {}
    void end() {
      Scope* const owner = scope;
      owner->running_.erase(at);
      if (owner->running_.empty() && owner->when_empty_) std::exchange(owner->when_empty_, nullptr)();
    }
    Scope* scope;
    Task<void> task;
    std::list<Entry>::iterator at;
  };

  std::list<Entry> running_;
  std::move_only_function<void()> when_empty_;
};

}  // namespace edge
