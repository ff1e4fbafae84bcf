// ReplayedBody: the body of a request of which a part was read ahead: whoever reads it gets all of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/arena.h"
#include "core/http/request_body.h"
#include "core/result.h"
#include "core/task.h"

namespace edge {

/// Lies in the arena of its request, as what it has read does, and is not destroyed.
class ReplayedBody final : public RequestBody {
 public:
  explicit ReplayedBody(RequestBody& from) : from_(from) {}

  /// Reads until `most` bytes are there or the body ends, and tells what is there. Before any read(), and once. The
  /// errors are those of read(); after one nothing is to be read.
  Task<Result<std::string_view>> read_ahead(std::uint32_t most, Arena& arena);

  bool empty() const override { return from_.empty(); }
  std::optional<std::uint64_t> length() const override { return from_.length(); }
  Task<Result<std::string_view>> read() override;
  void stop() override { from_.stop(); }

 private:
  RequestBody& from_;
  std::string_view ahead_;  // read, and not handed out
  std::string_view rest_;   // of the last piece that was read: it had no room in ahead_
  bool ended_ = false;
};

}  // namespace edge
