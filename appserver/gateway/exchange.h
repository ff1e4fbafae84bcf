// One ASGI request's answer as its app's messages make it: their order, the window, and the answer's end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "appserver/gateway/answer.h"
#include "appserver/gateway/environ.h"
#include "appserver/gateway/frame_queue.h"
#include "appserver/gateway/interrupt.h"
#include "appserver/gateway/log.h"
#include "appserver/gateway/python.h"
#include "appserver/wire.h"

namespace edge::gateway {

/// Belongs to a Python object (exchange_object.h), in the worker's main thread. Needs the interpreter's lock.
class Exchange {
 public:
  Exchange(const wire::RequestHeader& request, FrameQueue& queue);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Once, before the first of them. false with an error set.
  static bool prepare();

  /// Before anything of the app's.
  void open(const RequestFacts& facts);
  std::uint64_t sequence() const { return sequence_; }
  LogLines& log() { return log_; }

  enum class Sent : std::uint8_t {
    done,
    kept,     // taken, but not all of it could go out yet: advance() does it
    refused,  // the message before it has not gone out yet
    error     // a Python error is set
  };
  /// One message of the app.
  Sent send(PyObject* message);
  /// Sends of what is kept as much as may go out. true: nothing is kept any more.
  bool advance();
  /// The client has taken so many bytes more of the body.
  void take(std::uint64_t size);
  /// Nobody wants the answer any more: what is kept is dropped.
  void leave();
  /// What was kept went out, or will: false with ConnectionAbortedError set when it was dropped.
  bool check_kept() const;

  /// The app's coroutine has ended, with an error set if it raised. `cancelled`: asyncio.CancelledError.
  void end(Interruptible& thread, PyObject* cancelled);

  /// The answer is complete, or nobody wants it.
  bool is_over();
  /// The app has ended, and nothing is kept.
  bool is_done() const { return ended_ && !body_; }

 private:
  bool start(PyObject* message);
  Sent send_body(PyObject* message);
  bool send_path(PyObject* message);
  bool check_order(bool begins);
  bool is_whole() const { return complete_ || answer_.is_finished(); }
  bool log_failure(Interruptible& thread, PyObject* cancelled);

  const std::uint64_t sequence_;
  const wire::RequestHeader request_;
  FrameQueue& queue_;
  std::string request_id_;
  LogLines log_;
  Answer answer_;
  std::uint64_t cancelled_ = 0;  // sequence_, once nobody wants the answer
  std::uint64_t taken_ = 0;      // bytes of the body that the client has
  Ref body_;                     // what is kept
  std::size_t offset_ = 0;       // how much of it went out
  bool is_last_ = false;         // it is the end of the body
  bool started_ = false;         // http.response.start came
  bool complete_ = false;        // the last message of the answer came
  bool dropped_ = false;
  bool ended_ = false;
};

}  // namespace edge::gateway
