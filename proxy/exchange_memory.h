// ExchangeMemory: what one exchange with a server works with, kept with its memory for the next one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net/buffer_pool.h"
#include "proxy/upstream.h"
#include "proxy/upstream_codec.h"

namespace edge {

struct ExchangeMemory {
  struct Piece {
    std::size_t block;  // that it lies in, counted from the first of the answer
    std::string_view bytes;

    /// A server may send each byte in a chunk of its own.
    std::size_t memory() const { return bytes.size() + sizeof(Piece); }
  };

  explicit ExchangeMemory(std::unique_ptr<UpstreamCodec> speaks) : codec(std::move(speaks)) {}

  std::unique_ptr<UpstreamCodec> codec;
  std::string out;             // what frames the content, on its way
  std::vector<Buffer> blocks;  // received; the last is being filled
  std::vector<Piece> pieces;   // content in them
};

/// Of one loop and one upstream, which outlives it, as it outlives what it hands out.
class ExchangeMemoryPool {
 public:
  explicit ExchangeMemoryPool(const Upstream& upstream) : upstream_(upstream) {}
  ExchangeMemoryPool(const ExchangeMemoryPool&) = delete;
  ExchangeMemoryPool& operator=(const ExchangeMemoryPool&) = delete;

  struct Release {
    ExchangeMemoryPool* to;
    void operator()(ExchangeMemory* memory) const { to->release(std::unique_ptr<ExchangeMemory>(memory)); }
  };
  using Pointer = std::unique_ptr<ExchangeMemory, Release>;

  /// Empty, with a codec that is ready for a request. Comes back, and lets go of its blocks, when the pointer ends.
  Pointer acquire();
  /// How many are kept for later: a bounded number, and none that has grown large.
  std::size_t kept() const { return free_.size(); }

 private:
  void release(std::unique_ptr<ExchangeMemory> memory);

  const Upstream& upstream_;
  std::vector<std::unique_ptr<ExchangeMemory>> free_;
};

}  // namespace edge
