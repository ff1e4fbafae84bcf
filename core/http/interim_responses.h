// InterimResponses: answers before the answer (RFC 9110 15.2), such as 103 Early Hints (RFC 8297).
#pragma once

#include "core/http/header_list.h"

namespace edge {

/// Of one request, on its loop.
class InterimResponses {
 public:
  /// Before the final answer: queues a head with that status, a 1xx but not 101, without the fields of the connection.
  /// Never waits; a client of HTTP/1.0 or uwsgi, which knows no such answers, gets none.
  virtual void send_interim(int status, const HeaderList& fields) = 0;

 protected:
  ~InterimResponses() = default;
};

}  // namespace edge
