// AppCall: one request on its way through a worker: it waits for a slot, is sent, and is answered. It outlives the
// request when the client leaves while a worker is at it, until the worker has ended the answer.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/answer_frames.h"
#include "appserver/app_status.h"
#include "appserver/read_blocks.h"
#include "appserver/ticket.h"
#include "core/cancellation.h"
#include "core/http/answer_memory.h"
#include "core/http/response.h"
#include "core/net/deadline.h"
#include "core/result.h"

namespace edge {

class AnswerChannel;
class AppLane;
class RequestSpool;
struct Request;

/// Made and recycled by an AppLane, on whose loop everything here happens.
class AppCall final : public Ticket, private Deadline, private Cancellation::Waiter {
 public:
  /// How a CallRef ends.
  struct LetGo {
    void operator()(AppCall* call) const { call->let_go(); }
  };

  explicit AppCall(AppLane& lane);
  ~AppCall();

  // ---- what a handler does with it ------------------------------------------------------------------------------

  /// Asks for a slot and sends. All three must outlive the call's CallRef. Once. `cancel_on_disconnect`: when the
  /// CallRef goes while a worker is at a request with a safe method, an exception is raised there.
  void begin(Request& request, std::string_view script_name, const RequestSpool& body, bool cancel_on_disconnect);

  /// `const Result<void> head = co_await call->head();`: waits until the answer's head is here. Errors: closed,
  /// headers_too_large, unavailable (the queue), timed_out, bad_gateway (the worker died; retryable when the method is
  /// safe), internal (the app failed without an answer). A request that no worker has begun is never an error: it is
  /// sent to another worker.
  class Wait;
  Wait head();
  /// Waits until there is a chunk or the answer is over. Errors as above, when the answer breaks off.
  Wait more();

  int status() const { return status_; }
  /// The head, encoded as appserver/wire.h says; valid until the CallRef goes.
  std::string_view head_block() const { return head_text_.empty() ? head_ : std::string_view(head_text_); }
  /// The worker has ended the answer, or it broke off: error() says so.
  bool over() const { return over_ || error_; }
  const std::optional<Error>& error() const { return error_; }
  /// The body is a part of a file, which is here once; then there are no chunks. It has no descriptor when the edge had
  /// none left.
  bool has_file() const { return file_.has_value(); }
  FileRange take_file() { return std::move(*file_); }
  /// Bytes of body that are here and were not taken by chunk().
  std::size_t buffered() const { return buffered_; }
  bool has_chunk() const { return next_slice_ < slices_.size(); }
  /// The next bytes of the body; only when has_chunk(). Valid until the next call of chunk() or release_chunk().
  std::string_view chunk();
  void release_chunk();
  /// All that was announced is here: the CallRef may go without telling the worker that nobody wants the answer.
  void let_it_finish() { wanted_ = false; }

  // ---- what an AnswerChannel tells it ---------------------------------------------------------------------------

  /// What is wrong with the piece where it comes in the answer; empty: nothing. Before take(), for each.
  std::string_view check(const AnswerFrames::Piece& piece);
  /// A piece of the answer, in `block`.
  void take(const AnswerFrames::Piece& piece, const BlockRef& block);
  /// The whole body, before the piece that ends the answer.
  void bring_file(FileRange file);
  /// The worker is gone or cannot be understood. The ticket is out of the queue.
  void lose(std::string_view how);
  /// A worker that is at it is about to be killed, and why: says so in the log, and fails.
  void cut_off(std::string_view why);
  bool abandoned() const { return request_ == nullptr; }
  /// More is buffered than the loop wants to hold.
  bool is_full();
  /// ASGI: while the client takes its time with what is here, the app's time does not run.
  void hold_to_window();
  /// Of the request, also when that has gone.
  std::string_view id() const;
  /// Says which request it is, for the log.
  std::string description() const;
  /// The same for the status, without the worker.
  RunningRequest running() const;

 private:
  friend class AppLane;
  friend class AnswerChannel;
  void on_granted(Slot& slot) override;
  void on_refused() override;
  void on_deadline() override;
  void cancel() override;

  void reset();
  void let_go();
  void cancel_answer();
  bool leave_unread();
  void take_back();
  Milliseconds interrupt_again();
  void retire();
  void retire_soon();
  void leave_channel();
  void send(Slot& slot, std::string_view packet);
  void wait_in_queue();
  std::string_view encode();
  void fail(Error error);
  void fail_in_queue();
  bool is_repeatable() const;
  Milliseconds queue_time_left() const;
  void expire();
  void outlive_cancel();
  void watch_answer();
  void acknowledge(std::size_t taken);
  bool has_room();
  void take_head(const AnswerFrames::Piece& piece, const BlockRef& block);
  void take_body(std::string_view bytes, const BlockRef& block);
  bool awaited_is_here() const { return over() || (wants_head_ ? head_complete_ : has_chunk()); }
  void wake_if_ready();
  void resume();

  struct Slice {
    BlockRef block;
    std::string_view bytes;
  };
  /// The worker is to be told that nobody wants the answer.
  bool unwanted() const { return abandoned() && wanted_; }

  AppLane& lane_;
  ListLink<AppCall> in_channel_;
  ListLink<AppCall> in_woken_;
  Request* request_ = nullptr;
  const RequestSpool* body_ = nullptr;
  std::string_view script_name_;
  AnswerChannel* channel_ = nullptr;  // where it was sent last
  std::coroutine_handle<> waiter_;
  std::uint64_t begun_at_ = 0;  // Loop::now()
  std::uint64_t sent_at_ = 0;
  std::uint64_t answer_due_ = 0;  // the next piece of the answer
  std::string left_id_;           // of the request whose client has gone
  std::string left_behind_;       // what that had asked for
  int status_ = 0;
  std::uint64_t cancel_count_ = 0;  // ASGI: what WorkerProcess::heard() is when its task has been cancelled
  std::uint32_t place_ = 0;         // in the channel
  bool wants_head_ = true;          // what the waiter waits for
  bool woken_ = false;              // it is in the lane's list of those to be resumed
  bool wanted_ = true;
  bool cancels_ = false;  // an exception is to be raised when the client leaves
  bool taking_back_ = false;
  bool retires_ = false;
  unsigned interrupts_left_ = 0;  // of an exception for a client that has left
  bool expired_ = false;          // it ran longer than request_timeout, and the client was told
  bool reported_ = false;         // the log has told what became of it
  bool begun_ = false;            // the first frame of the answer was read
  bool head_complete_ = false;
  bool over_ = false;
  BlockRef head_in_;
  std::string_view head_;
  std::string head_text_;  // when the head came in several pieces
  std::vector<Slice> slices_;
  std::size_t next_slice_ = 0;
  std::size_t buffered_ = 0;
  std::size_t taken_ = 0;  // ASGI: bytes that the client has taken and the app was not told of
  AppAnswerMemory share_;  // WSGI: what buffered_ may be beyond kAlwaysAhead
  Slice sending_;
  std::optional<FileRange> file_;
  BlockRef gathered_;  // a block of its own, for many small pieces
  std::optional<Error> error_;
};

using CallRef = std::unique_ptr<AppCall, AppCall::LetGo>;

class AppCall::Wait {
 public:
  bool await_ready() const;
  void await_suspend(std::coroutine_handle<> waiter) const;
  Result<void> await_resume() const;

 private:
  friend class AppCall;
  explicit Wait(AppCall& call) : call_(call) {}
  AppCall& call_;
};

}  // namespace edge
