// Ticket: a request's place in an AppQueue. It lives in what represents the request; the queue only links it.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/intrusive_list.h"

namespace edge {

class Slot;

class Ticket {
 public:
  /// `loop`: the index of the loop that the request belongs to and on which the ticket is told.
  explicit Ticket(int loop) : loop_(loop) {}
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  /// Names the request to the worker; a new one with each AppQueue::acquire(), the same when it was taken back.
  std::uint64_t sequence() const { return sequence_; }

 protected:
  ~Ticket() = default;

 private:
  friend class AppQueue;

  /// On its loop: the wait is over, send to `slot` now.
  virtual void on_granted(Slot& slot) = 0;
  /// On its loop: the queue has closed, and the ticket is out of it.
  virtual void on_refused() = 0;

  enum class State : std::uint8_t {
    out,      // in no list
    waiting,  // in the FIFO
    granted,  // has a slot, its loop is yet to be told
    refused,  // has none and will have none, its loop is yet to be told
    held,     // its loop knows the slot
  };

  // Guarded by the queue's mutex, but for sequence_, which only the owner changes while the ticket is out.
  ListLink<Ticket> link_;
  Slot* slot_ = nullptr;
  std::uint64_t sequence_ = 0;
  std::chrono::steady_clock::time_point waits_since_;
  int loop_;
  State state_ = State::out;

 public:
  using List = IntrusiveList<Ticket, &Ticket::link_>;
};

using TicketList = Ticket::List;

}  // namespace edge
