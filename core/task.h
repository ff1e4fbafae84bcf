// Task<T>: a coroutine that starts at once, is awaited at most once, and is owned by whoever holds it.
//
// Eager start: the body runs inside the call until it first suspends, so an await of something that is already done
// does not suspend and does not grow the stack, at -O0 and under sanitizers too. A frame comes from a free list of
// its thread (plain new under sanitizers). Errors travel as values; an exception that leaves a Task is a bug and
// aborts. A suspended Task must not be destroyed: cancel what it waits on, and let it run to its end.
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/free_lists.h"

namespace edge {

/// What runs when a task has ended: a function and its argument; used for awaiting and for root tasks alike.
struct Continuation {
  void (*run)(void*) = nullptr;
  void* with = nullptr;
};

namespace task_detail {

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
    const Continuation next = frame.promise().continuation;  // running it may destroy the frame
    if (next.run) next.run(next.with);
  }
  void await_resume() const noexcept {}
};

struct PromiseBase {
  Continuation continuation;

  static void* operator new(std::size_t bytes) { return free_lists::allocate(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept { free_lists::release(frame, bytes); }
  std::suspend_never initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  std::coroutine_handle<Promise> get_return_object() { return std::coroutine_handle<Promise>::from_promise(*this); }
  template <class U = T>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
};

template <>
struct Promise<void> : PromiseBase {
  std::coroutine_handle<Promise> get_return_object() { return std::coroutine_handle<Promise>::from_promise(*this); }
  void return_void() const noexcept {}
};

}  // namespace task_detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = task_detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  Task(Handle frame) : frame_(frame) {}  // implicit: this is how the compiler makes it from get_return_object
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() { reset(); }

  explicit operator bool() const { return frame_ != nullptr; }
  bool done() const { return !frame_ || frame_.done(); }

  /// Runs `then` when the task ends; the task may be destroyed inside it. Only for a task that is not done().
  void on_done(Continuation then) {
    assert(!done());
    frame_.promise().continuation = then;
  }

  /// The result of a task that is done().
  T take()
    requires(!std::is_void_v<T>)
  {
    return std::move(*frame_.promise().value);
  }

  bool await_ready() const noexcept { return frame_.done(); }
  void await_suspend(std::coroutine_handle<> awaiter) noexcept {
    frame_.promise().continuation = {[](void* address) { std::coroutine_handle<>::from_address(address).resume(); },
                                     awaiter.address()};
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) return std::move(*frame_.promise().value);
  }

 private:
  void reset() {
    if (!frame_) return;
    assert(frame_.done() && "a suspended task was destroyed");
    frame_.destroy();
    frame_ = nullptr;
  }

  Handle frame_ = nullptr;
};

}  // namespace edge
