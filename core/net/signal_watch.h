// SignalWatch: runs a function on a loop for each arrival of a signal.
#pragma once

#include <uv.h>

#include <functional>

#include "core/net/loop.h"

namespace edge {

class SignalWatch {
 public:
  using Arrived = std::move_only_function<void()>;
  /// Watches until destroyed. On the loop's thread.
  SignalWatch(Loop& loop, int signal, Arrived arrived);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct Handle;  // closes in a later turn than it is destroyed
  Handle* handle_;
};

}  // namespace edge
