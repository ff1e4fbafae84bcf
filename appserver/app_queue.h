// AppQueue: the slots of one app and the one bounded FIFO of requests that wait for them, shared by all loops.
//
// A request gets the most recently used idle slot; else, if depth allows, a busy slot that is soon done with what it
// has, the least loaded first; else it waits. A slot of an ASGI app takes as many as it has places, whatever they take.
// One mutex, held for some pointer writes; nothing is allocated for a request.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/app_status.h"
#include "appserver/ticket.h"
#include "appserver/worker_process.h"
#include "core/net/loop.h"

namespace edge {

class AppQueue {
 public:
  /// A slot takes requests ahead while those that it has make less work than this, going by its average service time …
  static constexpr std::chrono::microseconds kWorkAhead{3'000};
  /// … and they are taken back when the request before them runs longer than this, and than 8 times the average; or
  /// when a thread that has answered all before them is still in the app for so long.
  static constexpr Milliseconds kLongService{3};
  /// An ASGI app's event loop that leaves requests unread for so long gets no more, and they are taken back; likewise a
  /// thread of a WSGI app that is at nothing.
  static constexpr Milliseconds kDeafLoop{20};
  struct Limits {
    std::uint32_t waiting = 1000;  // requests that may wait; those that were taken back from a worker come on top
    std::uint32_t depth = 32;      // requests on one slot of a WSGI app, the one that is being answered included
    bool grows = false;            // the hook `pressure` is wanted
    Milliseconds blocked{60'000};  // a thread that reads nothing for so long, although it has no request, is stuck
    std::chrono::microseconds work_ahead = kWorkAhead;
  };
  /// A mailbox holds so many bytes (SO_SNDBUF), and an event loop that is at work empties it at once: so soon a slot of
  /// an ASGI app is looked at again that was full, or had left requests unread for kDeafLoop. Also a thread that
  /// is to come back from close() while requests wait.
  static constexpr Milliseconds kSoon{1};

  /// `loops` in the order of their indices; they and the queue must outlive every ticket.
  AppQueue(std::vector<Loop*> loops, Limits limits);

  /// Who is told, on `main`.
  struct Hooks {
    std::move_only_function<void()> pressure;                   // requests have begun to wait
    std::move_only_function<void(const WorkerProcess&)> spent;  // it has answered WorkerProcess::limit_requests()
  };
  /// Before the first ticket. `main` must run as long as the queue is used.
  void watch(Loop& main, Hooks hooks);
  /// From any thread, for the tickets that come.
  void set_limits(Limits limits);

  // ---- on the ticket's own loop ---------------------------------------------------------------------------------

  enum class Outcome : std::uint8_t {
    granted,  // on_granted() is not called: `slot` is set
    waiting,  // on_granted() or on_refused() follows
    full,     // too many wait
    closed,   // stop() was called
  };
  Outcome acquire(Ticket& ticket, Slot*& slot);
  /// A ticket that came now would not get in, and is counted as refused: before its body is read.
  bool turns_away();
  /// The answer is complete: measures the service time and frees the slot. `id`: of the request, for the log. True: the
  /// slot is to be looked at soon, because the app may go on behind its answer.
  bool finish(Ticket& ticket, std::string_view id = {});
  /// Takes a ticket out that no slot holds, because it waited too long or its client has left. False, and nothing is
  /// changed, when a slot holds it.
  enum class Why : std::uint8_t { timed_out, left };
  bool withdraw(Ticket& ticket, Why why);
  /// A slot holds the ticket: it was sent and not taken back.
  bool is_held(const Ticket& ticket);
  /// Takes a ticket out that a slot holds, without an answer. False, and nothing is changed, when no slot holds it.
  /// `why`: it was granted the slot in vain, after waiting all the same.
  bool lose(Ticket& ticket, std::optional<Why> why = {});
  /// The slot's mailbox was full: the ticket waits in front. False when the slot held nothing else, so that waiting
  /// is of no use; the ticket is out then.
  bool put_back(Ticket& ticket);

  // ---- on any thread; `caller` is the index of the calling loop, -1 for the main loop ---------------------------

  /// Requests may be granted to the slot.
  void open(Slot& slot, int caller);
  /// No more are. Those that the worker has not read go to the FIFO's front. May be called again, for those that
  /// were sent meanwhile.
  void close(Slot& slot, int caller);
  /// Moves what the worker has not read to the FIFO's front.
  void take_back(Slot& slot, int caller);
  /// The same, if the present request runs long, or the worker has not begun it although it has nothing else to do;
  /// of an ASGI app, if its event loop does not get to it.
  struct Look {
    std::optional<Milliseconds> again;  // after so long; nothing: no more until something is sent to it
    bool ask = false;                   // the event loop is to be asked whether it hears: a cancel was counted for that
    bool stuck = false;                 // it reads nothing since Limits::blocked; once for each time. WSGI: then
    std::uint64_t at = 0;               // … the sequence of the answered request that the app is still at, or 0
    std::string id{};                   // … what finish() was told of that
    std::uint64_t asked = 0;            // … what WorkerProcess::heard() is when it reads again, with `at` of 0
  };
  Look take_back_if_slow(Slot& slot, int caller);
  /// Requests answered by that slot.
  std::uint64_t answered(const Slot& slot);
  /// Requests that the worker is at; those that were handed ahead do not count.
  std::size_t busy(const WorkerProcess& worker);
  /// The same of the slot's worker, without one request that the slot may be at.
  std::size_t busy_besides(const Slot& slot);
  /// The slot's thread is behind the end of its last answer and still in the app, as far as it was looked at.
  bool is_away(const Slot& slot);
  /// For how long no thread of the worker has had a request; 0 when one has.
  Milliseconds idle(const WorkerProcess& worker);
  /// Microseconds that the first in the FIFO has waited; 0: nobody waits.
  std::uint64_t longest_wait();
  QueueStatus status() const;

  /// Nothing new comes in; `when_idle` is posted to `main` once nothing waits and no slot is busy. Once.
  void stop(Loop& main, std::move_only_function<void()> when_idle);
  /// After stop(): refuses all that wait, and what will be taken back.
  void refuse_waiting();

 private:
  struct Desk {  // what a loop is to be told
    Loop* loop = nullptr;
    TicketList tickets;       // granted or refused
    bool told = false;        // deliver() is posted
    bool delivering = false;  // touched by its loop only
  };
  using SlotList = IntrusiveList<Slot, &Slot::by_load_>;

  // With the mutex held:
  void list_slot(Slot& slot);
  bool takes_more(const Slot& slot) const;
  bool is_full(const Slot* free) const { return !free && waiting_count_ >= limits_.waiting; }
  Slot* best_slot();
  void occupy(Ticket& ticket, Slot& slot);
  void vacate(Ticket& ticket);
  void leave(Ticket& ticket);
  void to_front(TicketList& tickets, int caller);
  static bool has_begun(const Slot& slot);
  static bool has_read_all(const Slot& slot);
  void take_unread(Slot& slot, int caller);
  Look look_at_thread(Slot& slot, int caller);
  Look take_back_if_blocked(Slot& slot, int caller);
  static std::uint64_t app_is_at(const Slot& slot);
  static bool hears(const Slot& slot);
  static std::chrono::nanoseconds patience(const Slot& slot);
  void send_away(Slot& slot);
  void ask(Slot& slot);
  void grant_waiting(int caller);
  void refuse(Ticket& ticket, int caller);
  void tell(Ticket& ticket, int caller);
  void report_idle();
  void begin_to_wait(Ticket& ticket);
  void count_grant(Ticket& ticket);
  void count_withdrawal(const Ticket& ticket, Why why);
  void count_answer(Slot& slot);

  void deliver(int loop);

  static constexpr std::uint32_t kLists = 64;
  static std::uint32_t list_for(std::uint32_t load);
  mutable std::mutex mutex_;
  std::vector<Desk> desks_;
  std::array<SlotList, kLists> by_load_;  // slots that may take a request, by how many they have
  std::uint64_t lists_in_use_ = 0;        // a bit for each that is not empty
  TicketList waiting_;
  std::uint32_t waiting_count_ = 0;
  std::uint64_t present_ = 0;  // tickets that are not out
  std::uint64_t last_sequence_ = 0;
  Limits limits_;
  QueueStatus counters_;
  Hooks hooks_;
  bool pressure_told_ = false;
  bool stopped_ = false;
  bool refusing_ = false;
  Loop* main_ = nullptr;
  std::move_only_function<void()> when_idle_;
};

}  // namespace edge
