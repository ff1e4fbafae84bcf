// Tunnel: what follows an answer of 101 (RFC 9110 7.8), or of 200 to an extended CONNECT (RFC 8441): bytes of another
// protocol in both directions, until either side ends.
#pragma once

#include "core/result.h"
#include "core/task.h"

namespace edge {

struct Request;
class ResponseWriter;

/// The far side of one client. Of one loop; destroyed when its task has ended.
class Tunnel {
 public:
  virtual ~Tunnel() = default;
  /// Begins when the head is queued. From then on request.body is what the client sends, which may be read while
  /// to_client is written; RequestBody::stop() ends a read under way. Ends soon after request.cancellation is
  /// requested. An error: the tunnel was cut.
  virtual Task<Result<void>> run(Request& request, ResponseWriter& to_client) = 0;
};

}  // namespace edge
