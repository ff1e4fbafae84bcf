// NoBody: the content of a request that has none, whatever front door it came by.
#pragma once

#include "core/http/request_body.h"

namespace edge {

class NoBody final : public RequestBody {
 public:
  bool empty() const override { return true; }
  std::optional<std::uint64_t> length() const override { return 0; }
  Task<Result<std::string_view>> read() override { co_return std::string_view(); }
};

}  // namespace edge
