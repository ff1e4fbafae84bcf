// TurnEnd: work for the end of the loop's present turn, when every event of the turn has been handled: what many of
// them want done, once.
#pragma once

namespace edge {

class Loop;

/// Owned by whoever wants the work done; leaves its list when destroyed. One thread.
class TurnEnd {
 public:
  TurnEnd() = default;
  TurnEnd(const TurnEnd&) = delete;
  TurnEnd& operator=(const TurnEnd&) = delete;

  /// On its loop's thread. It is no longer listed when this runs, and may be listed again (for the same turn) or
  /// destroyed.
  virtual void on_turn_end() = 0;

 protected:
  ~TurnEnd() { unlist(); }

 private:
  friend class Loop;
  void unlist() {
    if (!next_) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }
  TurnEnd* next_ = nullptr;
  TurnEnd* previous_ = nullptr;
};

}  // namespace edge
