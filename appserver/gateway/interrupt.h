// Exceptions into a running request: the edge names a request and a reason in its thread's SharedSlot and sends
// wire::kInterruptSignal; the thread that is at that request raises edge_gateway.RequestTimeout or
// edge_gateway.ClientDisconnected, and no other request ever does.
//
// Where the app runs in the main thread a blocking call (time.sleep, socket.recv, a lock) ends at once. In other
// threads CPython raises between two bytecodes, so a blocking call there ends first. All of it needs the interpreter's
// lock.
#pragma once

#include <cstdint>
#include <string_view>

#include "appserver/gateway/python.h"
#include "appserver/wire.h"

namespace edge::gateway {

/// Adds the two exceptions to the module. false with an error set.
bool add_interrupt_types(PyObject* module);

/// What one thread is at. Made and used in that thread; lives as long as it serves.
class Interruptible {
 public:
  explicit Interruptible(wire::SharedSlot& slot);
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  ~Interruptible();

  /// A request, which the app is not at yet. `delivered`: what delivered() was when the thread left it for another.
  void open(std::uint64_t sequence, std::uint64_t delivered = 0);
  /// Which reasons were raised in it.
  std::uint64_t delivered() const { return delivered_; }
  /// From here to leave() the app's code runs, and nothing else.
  void enter();
  /// What was to be raised and has not been is forgotten.
  void leave();

  /// The error that is set was raised by an interrupt of this request: clears it, and says so in words for the log,
  /// none when that is nobody's business. false: it is another error, or none.
  bool take_error(std::string_view& why);

  /// What is to be raised in this thread now, each reason once for a request; null: nothing. A borrowed reference.
  PyObject* due();
  unsigned long thread() const { return thread_; }

 private:
  wire::SharedSlot& slot_;
  unsigned long thread_;         // as CPython names it
  std::uint64_t sequence_ = 0;   // of the request
  std::uint64_t running_ = 0;    // the same while the app's code runs, else 0
  std::uint64_t delivered_ = 0;  // a bit for each InterruptReason
};

/// In a worker's main thread, before its threads begin. `in_main_thread`: the app runs in this very thread. Otherwise
/// this thread waits for interrupt_event() and calls deliver_interrupts(). false with an error set.
bool accept_interrupts(bool in_main_thread);
/// Readable when a signal has come.
int interrupt_event();
void deliver_interrupts();

}  // namespace edge::gateway
