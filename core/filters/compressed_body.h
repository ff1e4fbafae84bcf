// CompressedBody: the body of an answer, coded while it is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/filters/compressor.h"
#include "core/http/response.h"
#include "core/net/loop.h"

namespace edge {

/// Bytes that one answer has coded on the loop's thread without a pause, which takes less than a millisecond; more is
/// coded on the pool.
inline constexpr std::size_t kMostOnLoop = 32 * 1024;

/// Of a length that nobody knows. What a pull of the inner source has brought can be decoded as soon as it was sent, so
/// a stream stays one. Holds one piece of output. Made and destroyed on the loop's thread, as its compressor was taken.
class CompressedBody final : public BodySource {
 public:
  CompressedBody(Loop& loop, TakenCompressor compressor, std::unique_ptr<BodySource> inner);

  bool waits() const override { return inner_->waits(); }
  Task<Result<Chunk>> pull() override;
  const HeaderList* trailers() const override { return inner_->trailers(); }

 private:
  /// Whether so much more may be coded in this turn of the loop.
  bool fits_in_turn(std::size_t size);

  Loop& loop_;
  TakenCompressor compressor_;
  std::unique_ptr<BodySource> inner_;
  std::string_view rest_;     // of the inner source's last chunk
  bool inner_ended_ = false;  // that chunk was the last
  std::string coded_;
  std::uint64_t turn_ = 0;   // Loop::now() when something was coded on the loop's thread
  std::size_t in_turn_ = 0;  // bytes of that moment
};

}  // namespace edge
