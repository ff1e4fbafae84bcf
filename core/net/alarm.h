// Alarm: a deadline that runs a function, for what has more than one thing to wait for.
#pragma once

#include <functional>
#include <utility>

#include "core/net/deadline.h"

namespace edge {

/// Armed by Loop::arm(). Must outlive nothing: it leaves its list when destroyed, also by its own function's owner.
class Alarm final : public Deadline {
 public:
  explicit Alarm(std::move_only_function<void()> ring) : ring_(std::move(ring)) {}
  void on_deadline() override { ring_(); }

 private:
  std::move_only_function<void()> ring_;
};

}  // namespace edge
