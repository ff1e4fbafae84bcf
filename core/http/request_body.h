// RequestBody: the content of a request, to be pulled. Implemented by each front door.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.h"
#include "core/task.h"

namespace edge {

class RequestBody {
 public:
  /// Nothing at all: no Content-Length, no chunks, or a length of 0.
  virtual bool empty() const = 0;
  /// The declared length; nothing for chunks, whose length is known at their end.
  virtual std::optional<std::uint64_t> length() const = 0;
  /// The next bytes, de-chunked; empty at the end. The view is valid until the next call. The first call answers
  /// `Expect: 100-continue`. Errors: malformed, too_large (over client_max_body_size), timed_out, closed.
  virtual Task<Result<std::string_view>> read() = 0;
  /// Nobody wants more, so a read under way gives the end, and so does each that follows.
  virtual void stop() {}

 protected:
  ~RequestBody() = default;
};

/// The body of a request as its handler has it: the front door's, or another that stands before it.
class RequestBodyRef {
 public:
  RequestBodyRef(RequestBody& body) : body_(&body) {}
  operator RequestBody&() const { return *body_; }

  bool empty() const { return body_->empty(); }
  std::optional<std::uint64_t> length() const { return body_->length(); }
  Task<Result<std::string_view>> read() const { return body_->read(); }
  void stop() const { body_->stop(); }
  /// From now on `body` is read, which outlives the request.
  void replace(RequestBody& body) { body_ = &body; }

 private:
  RequestBody* body_;
};

}  // namespace edge
