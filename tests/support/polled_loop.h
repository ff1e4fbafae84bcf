// PolledLoop: a loop that runs until something holds, which is asked every few milliseconds.
#pragma once

#include <functional>
#include <utility>

#include "core/net/loop.h"

namespace edge::test {

class PolledLoop : Deadline {
 public:
  void run_until(std::function<bool()> holds) {
    holds_ = std::move(holds);
    loop.arm(*this, Milliseconds(2));
    loop.run();
  }

  Loop loop;

 private:
  void on_deadline() override {
    if (holds_()) return loop.stop();
    loop.arm(*this, Milliseconds(2));
  }

  std::function<bool()> holds_;
};

}  // namespace edge::test
