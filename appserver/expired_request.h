// ExpiredRequest: a request that ran longer than request_timeout, and where. Also a thread that has read nothing for so
// long, with the sequence of what it is at, or 0.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace edge {

class WorkerProcess;

/// Its client has been answered already; the worker's thread may still be at it.
struct ExpiredRequest {
  std::shared_ptr<WorkerProcess> worker;
  unsigned thread = 0;  // index of the worker's slot
  std::uint64_t sequence = 0;
  std::string id;           // as the log names it
  std::uint64_t asked = 0;  // what WorkerProcess::heard() is when the thread has read what it was told of this; 0:
                            // nothing, it is back when the app is not at the request any more
  /// WSGI: what WorkerProcess::begun() was, when the thread had not come to this request yet: it took it from its
  /// mailbox and got no further, for want of the interpreter's lock.
  std::optional<std::uint64_t> before{};
  bool ignores_cancel = false;  // ASGI: its task was cancelled and goes on, and the event loop with it
};

}  // namespace edge
