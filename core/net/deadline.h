// Deadlines: an intrusive list for each distinct duration instead of a timer a connection. Arming, moving and
// removing cost a few pointer writes. Precision is that of the loop's turns, about a millisecond late at most.
#pragma once

#include <cstdint>

#include "core/duration.h"

namespace edge {

class DeadlineList;

/// Something that must happen before a time. Owned by whoever waits; leaves its list when destroyed.
class Deadline {
 public:
  Deadline() = default;
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  /// On its loop's thread. The deadline is no longer armed when this runs; it may be armed again or destroyed.
  virtual void on_deadline() = 0;

  void disarm() {
    if (!next_) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }
  bool armed() const { return next_ != nullptr; }

 protected:
  ~Deadline() { disarm(); }

 private:
  friend class DeadlineList;
  Deadline* next_ = nullptr;
  Deadline* previous_ = nullptr;
  std::uint64_t due_ = 0;  // milliseconds of the loop's clock
};

/// All deadlines of one duration, in the order in which they fall due.
class DeadlineList {
 public:
  explicit DeadlineList(std::uint64_t after) : after_(after) { head_.next_ = head_.previous_ = &head_; }
  DeadlineList(const DeadlineList&) = delete;
  DeadlineList& operator=(const DeadlineList&) = delete;

  std::uint64_t after() const { return after_; }
  bool empty() const { return head_.next_ == &head_; }
  std::uint64_t first_due() const { return head_.next_->due_; }

  void arm(Deadline& deadline, std::uint64_t now) {
    deadline.disarm();
    deadline.due_ = now + after_;
    deadline.previous_ = head_.previous_;
    deadline.next_ = &head_;
    head_.previous_->next_ = &deadline;
    head_.previous_ = &deadline;
  }

  void run_due(std::uint64_t now) {
    while (!empty() && head_.next_->due_ <= now) {
      Deadline* due = head_.next_;
      due->disarm();
      due->on_deadline();
    }
  }

 private:
  struct Head : Deadline {
    void on_deadline() override {}
  };
  Head head_;
  std::uint64_t after_;
};

}  // namespace edge
