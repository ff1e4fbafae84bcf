// Sending an answer: its head, and content out of memory, a file, a source or a tunnel.
#pragma once

#include <cstdint>

#include "core/http/request.h"
#include "core/http/response.h"
#include "core/http/response_writer.h"
#include "core/limits/limits.h"
#include "core/task.h"

namespace edge {

/// How much of an answer has been sent.
struct SendProgress {
  bool head_sent = false;  // an error comes too late for another answer
  std::uint64_t head = 0;  // bytes
};

/// Queues the head, and the content if that needs no waiting. False: the rest is for send_rest().
bool send_at_once(Request& request, const Response& response, ResponseWriter& writer, SendProgress& progress);

/// What send_at_once() has left. Everything must outlive the task.
Task<Result<void>> send_rest(Request& request, Response& response, ResponseWriter& writer, SendProgress& progress);

/// All of it, no faster than the limit, which there is.
Task<Result<void>> send_paced(Request& request, Response& response, const Limits& limits, ResponseWriter& writer,
                              SendProgress& progress);

/// Of a source that has given its last chunk; null: none.
const HeaderList* trailers_of(const Response& response);

}  // namespace edge
