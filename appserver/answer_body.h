// AnswerBody: the body of an app's answer, sent while the worker still makes it, or too large to be copied.
#pragma once

#include <cstdint>
#include <optional>

#include "appserver/app_call.h"
#include "core/http/response.h"

namespace edge {

class AnswerBody final : public BodySource {
 public:
  /// `length`: what the app announced, or nothing. A body that ends before it is an error, one that goes on behind
  /// it is cut there.
  AnswerBody(CallRef call, std::optional<std::uint64_t> length);

  std::optional<std::uint64_t> length() const override { return length_; }
  bool waits() const override { return !call_->has_chunk() && !call_->over(); }
  Task<Result<Chunk>> pull() override;

 private:
  Result<Chunk> next();

  CallRef call_;
  std::optional<std::uint64_t> length_;
  std::uint64_t sent_ = 0;
};

}  // namespace edge
