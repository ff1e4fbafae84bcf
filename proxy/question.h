// Question: what edge itself asks an upstream about a client's request, within a time.
#pragma once

#include "core/cancellation.h"
#include "core/duration.h"
#include "core/http/no_body.h"
#include "core/http/request.h"
#include "core/net/deadline.h"

namespace edge {

/// Of a coroutine on the request's loop. While it is there, the request is cancelled when its client has gone or the
/// time is over. Nobody else may wait on the client's cancellation meanwhile.
class Question final : private Deadline, private Cancellation::Waiter {
 public:
  /// `of` outlives it, and its client has not gone.
  Question(Request& of, Milliseconds timeout);
  ~Question();

  /// A GET from the same client, with an id of its own. What is asked for, and the fields, are the asker's to say.
  Request& request() { return request_; }
  bool timed_out() const { return timed_out_; }

 private:
  void on_deadline() override;
  void cancel() override { request_.cancellation.request(); }

  Cancellation& client_;
  NoBody none_;
  Request request_;
  bool timed_out_ = false;
};

}  // namespace edge
