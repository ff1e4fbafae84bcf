// Exchange: one request with its answer, from the first byte of the head to the line in the access log.
#pragma once

#include <cstdint>

#include "core/http/handler.h"
#include "core/http/request.h"
#include "core/http/response.h"

namespace edge {

/// What was sent; filled by the pump, read by log variables.
struct Sent {
  int status = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t bytes = 0;             // head and body
  const HeaderList* headers = nullptr;  // of the answer, without the door's own
};

struct Exchange {
  Exchange(Loop& loop, Arena& arena, RequestBody& body) : request(loop, arena, body) {}
  Request request;
  Sent sent;
};

}  // namespace edge
