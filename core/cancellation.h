// Cancelling is closing: whoever waits on behalf of a request registers here, and is woken with an error when the
// request has lost its client. One thread; at most one waiter at a time, because one coroutine serves a request.
#pragma once

#include <cassert>

namespace edge {

class Cancellation {
 public:
  class Waiter {
   public:
    /// Ends the wait with ErrorKind::closed. Called at most once for each registration, which it ends.
    virtual void cancel() = 0;

   protected:
    ~Waiter() = default;
  };

  bool requested() const { return requested_; }
  /// Whether anybody would be woken.
  bool awaited() const { return waiter_ != nullptr; }

  /// The waiter must call leave() when its wait ends in another way. Not to be called once requested().
  void enter(Waiter& waiter) {
    assert(!waiter_ && !requested_);
    waiter_ = &waiter;
  }
  void leave() { waiter_ = nullptr; }

  void request() {
    requested_ = true;
    Waiter* waiter = waiter_;
    waiter_ = nullptr;
    if (waiter) waiter->cancel();
  }

 private:
  Waiter* waiter_ = nullptr;
  bool requested_ = false;
};

}  // namespace edge
