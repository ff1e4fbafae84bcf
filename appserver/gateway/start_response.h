// start_response of PEP 3333, and the write() that it returns.
#pragma once

#include "appserver/gateway/answer.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// The two callables of one worker thread, used for one request after the other as long as no app keeps them. Needs the
/// interpreter's lock.
class StartResponse {
 public:
  struct Types {
    Ref start;
    Ref write;

    /// Makes them. false with an error set.
    bool prepare();
  };

  /// `types` are prepared, and live as long as this.
  explicit StartResponse(const Types& types) : types_(types) {}

  /// For a new request; a borrowed reference to start_response. Null with an error set.
  PyObject* open(Answer& answer);
  /// The request is over: what an app may have kept raises from now on.
  void close();

 private:
  const Types& types_;
  Ref start_;
  Ref write_;
};

}  // namespace edge::gateway
