// PacedWriter: an answer through the door's writer, no faster than its limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/request.h"
#include "core/http/response_writer.h"
#include "core/limits/limits.h"
#include "core/limits/pacer.h"

namespace edge {

/// Of one answer. What it is made of outlives it; `limits` has a bandwidth. In a dry run it only notes that it would
/// have waited.
class PacedWriter final : public ResponseWriter {
 public:
  PacedWriter(ResponseWriter& door, const Limits& limits, Request& request)
      : door_(door),
        limits_(limits),
        request_(request),
        pacer_(limits.bandwidth()->rate, limits.bandwidth()->after, request.loop.now()) {}

  void write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) override {
    door_.write_head(response, length, has_content);
  }
  bool try_write(std::string_view content) override;
  Task<Result<void>> write(std::string_view content) override;
  bool try_write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> flush() override { return door_.flush(); }
  void finish(const HeaderList* trailers) override { door_.finish(trailers); }
  void abort() override { door_.abort(); }
  std::uint64_t bytes_written() const override { return door_.bytes_written(); }

 private:
  /// Whether so many may leave at once.
  bool lets_pass(std::uint64_t bytes);
  /// How many of so many may leave, which are counted; waits until there are some. Error: the client has gone.
  Task<Result<std::uint64_t>> turn(std::uint64_t wanted);
  void note_slowed();

  ResponseWriter& door_;
  const Limits& limits_;
  Request& request_;
  Pacer pacer_;
  bool slowed_ = false;
};

}  // namespace edge
