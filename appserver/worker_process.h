// WorkerProcess and its slots: one worker of an app, shared by the main loop (which supervises it) and every loop
// (which sends to it). Slot = one thread of it = one request at a time, or an ASGI app's event loop with many.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "appserver/mailbox.h"
#include "appserver/ticket.h"
#include "appserver/wire.h"
#include "core/intrusive_list.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

class AnswerChannel;
class WorkerProcess;

class Slot {
 public:
  Slot(WorkerProcess& of, Mailbox box, wire::SharedSlot& shared, std::size_t loops)
      : worker(of), mailbox(std::move(box)), channels(loops), shared_(shared) {}

  WorkerProcess& worker;
  Mailbox mailbox;
  std::vector<AnswerChannel*> channels;  // by loop; each loop touches only its own; null: not open there

  /// A request was sent.
  void count_sent() { sent_.fetch_add(1, std::memory_order_relaxed); }
  /// Tells the worker that nobody wants the answer to that request any more. From any thread.
  void cancel(std::uint64_t sequence) { std::atomic_ref(shared_.cancelled).store(sequence, std::memory_order_relaxed); }

 private:
  friend class AppQueue;
  wire::SharedSlot& shared_;
  std::atomic<std::uint64_t> sent_ = 0;  // and not taken back

  // Everything below is guarded by the mutex of the AppQueue that the slot is in.
  using Time = std::chrono::steady_clock::time_point;
  ListLink<Slot> by_load_;
  TicketList held_;  // sent, or about to be sent by their loops
  Time busy_since_;  // when the request that is being answered can have begun
  Time idle_since_ = std::chrono::steady_clock::now();
  std::int64_t average_ = -1;  // service time in nanoseconds, a moving average; -1: not known yet
  std::uint64_t answered_ = 0;
  std::uint32_t load_ = 0;  // requests that were granted this slot and are not answered
  static constexpr std::uint32_t kUnlisted = ~std::uint32_t{0};
  std::uint32_t listed_at_ = kUnlisted;  // which of the queue's lists of slots it is in
  bool open_ = false;
  bool closed_ = false;      // for good
  std::uint64_t taken_ = 0;  // ASGI: how many requests the worker had read when it was looked at last …
  Time read_at_;             // … and when that changed last, or nothing was unread
  std::uint64_t asked_ = 0;  // it reads again when it has heard so many questions; ASGI, while slow_: so many cancels
  Time asked_at_;            // when the question was sent first that it has not heard
  Time away_since_;
  std::string answered_id_;  // of the request that was answered last
  bool given_up_ = false;    // while it does not read: it was told that this has lasted for too long
  bool deaf_ = false;        // WSGI: it was asked, and has not heard yet
  bool away_ = false;        // its thread has answered and is still in the app: in an iterator, or close()
  bool slow_ = false;        // the present request runs long: nothing is handed ahead until it has ended
  bool stuffed_ = false;     // the mailbox was full
};

class WorkerProcess : public std::enable_shared_from_this<WorkerProcess> {
 public:
  /// Makes mailboxes and shared memory for `threads` slots. `number` is that of the worker within its app.
  static Result<std::shared_ptr<WorkerProcess>> create(std::uint32_t number, unsigned threads, std::size_t loops);
  WorkerProcess(std::uint32_t number, UniqueFd memory, wire::SharedMemory shared);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess();

  std::uint32_t number() const { return number_; }
  const std::vector<std::unique_ptr<Slot>>& slots() const { return slots_; }
  /// The memfd of what the edge shares with the worker's threads, for the worker.
  int memory() const { return memory_.get(); }

  /// The app speaks ASGI: the worker has one slot, which takes `places` requests at the same time. Before it is opened.
  void serve_asgi(std::uint32_t places) {
    asgi_ = true;
    places_ = places;
  }
  bool is_asgi() const { return asgi_; }
  /// Requests that a slot takes at the same time.
  std::uint32_t places() const { return places_; }

  /// After so many answers the queue's hook `spent` runs; 0: never. Before any slot is opened.
  void limit_requests(std::uint64_t most) { most_requests_ = most; }
  std::uint64_t most_requests() const { return most_requests_; }

  /// Says which process it is. On the main loop, before any slot is opened; once.
  void identify(pid_t pid);
  pid_t pid() const { return pid_; }
  /// SIGKILL, to this very process and never to another that got its number. From any thread; idempotent.
  void kill() const;
  /// Another signal, as surely. From any thread.
  void signal(int number) const;

  // What its threads are at, by index of the slot. From any thread.

  unsigned thread_of(const Slot& slot) const;
  /// Lives as long as this.
  wire::AnswerRing& answers(unsigned thread, int loop) const {
    return shared_.answers(thread, static_cast<std::size_t>(loop));
  }
  /// The sequence of the request that the app is at, 0 for none. Only the worker's word.
  std::uint64_t running(unsigned thread) const;
  /// The sequence of the request that the thread has taken up last. Only the worker's word.
  std::uint64_t begun(unsigned thread) const;
  /// The thread's name in a dump of faulthandler, 0 when it is not known yet. Only the worker's word.
  std::uint64_t thread_ident(unsigned thread) const;
  /// ASGI: one more notice of kCancel is about to be sent, on whatever channel; how many that makes; how many the
  /// worker has read (heard()). One that is far behind has its event loop blocked.
  std::uint64_t count_cancel() { return cancels_.fetch_add(1, std::memory_order_relaxed) + 1; }
  std::uint64_t cancels() const { return cancels_.load(std::memory_order_relaxed); }
  /// SharedSlot::heard. Only the worker's word.
  std::uint64_t heard(unsigned thread) const;
  /// Raises an exception in that request, if the thread is at it when the signal arrives.
  void interrupt(unsigned thread, std::uint64_t sequence, wire::InterruptReason reason) const;

  /// Tells every thread to end after what lies in its mailbox. On the main loop.
  void quit();
  /// It was told to end: that its channels close is as it should be. From any thread.
  bool leaving() const { return leaving_.load(std::memory_order_acquire); }

 private:
  friend class AppQueue;
  std::uint32_t number_;
  std::uint64_t answered_ = 0;  // guarded by the queue's mutex
  std::uint64_t most_requests_ = 0;
  bool asgi_ = false;
  std::uint32_t places_ = 1;
  std::atomic<std::uint64_t> cancels_ = 0;
  UniqueFd memory_;
  wire::SharedMemory shared_;
  std::vector<std::unique_ptr<Slot>> slots_;
  pid_t pid_ = 0;
  UniqueFd process_;  // a pidfd
  std::atomic<bool> leaving_ = false;
};

}  // namespace edge
