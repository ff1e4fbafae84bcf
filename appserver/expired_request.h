// ExpiredRequest: a request that ran longer than request_timeout, and where.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace edge {

class WorkerProcess;

/// Its client has been answered already; the worker's thread may still be at it.
struct ExpiredRequest {
  std::shared_ptr<WorkerProcess> worker;
  unsigned thread = 0;  // index of the worker's slot
  std::uint64_t sequence = 0;
  std::string id;             // as the log names it
  std::uint64_t cancels = 0;  // ASGI: what the worker's heard_cancels() is when it has been told of this
};

}  // namespace edge
