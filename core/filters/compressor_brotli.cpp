// br (RFC 7932) by brotli's encoder, which cannot begin anew: its memory is kept for the next encoder instead.
#include <brotli/encode.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <vector>

#include "core/filters/compressor.h"

namespace edge {
namespace {

constexpr int kLeastLevel = 2;         // lower ones save no time that counts
constexpr int kMostLevel = 6;          // from the next on an encoder takes 8 MiB and more
constexpr std::uint32_t kWindow = 18;  // 256 KiB
// With this window an encoder takes at most 2, 2, 5.1, 5.6 and 6.6 MiB at the levels from 2 on: that much for content
// made of short repetitions, half of it for a page. A hint from 1 MiB on, which it would also make for itself of what
// it is fed first, lets level 4 take 3 MiB more.
constexpr std::uint32_t kMostHint = (1U << 20U) - 1;

/// The large blocks of ended encoders, for the next one to take. What is kept never makes more than kMostBytes of what
/// an encoder has.
class Blocks {
 public:
  Blocks() = default;
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  ~Blocks() {
    for (const Block* block : kept_) std::free(const_cast<Block*>(block));
  }

  static void* allocate(void* blocks, std::size_t size) { return static_cast<Blocks*>(blocks)->take(size); }
  static void release(void* blocks, void* memory) {
    if (memory) static_cast<Blocks*>(blocks)->give_back(static_cast<Block*>(memory) - 1);
  }

 private:
  struct alignas(std::max_align_t) Block {
    std::size_t size;  // of the memory behind it
  };
  static constexpr std::size_t kLeast = 16 * 1024;  // smaller ones malloc() has at hand
  static constexpr std::size_t kMostKept = 24;
  static constexpr std::size_t kMostBytes = 4 << 20;

  void* take(std::size_t size) {
    const auto fits = [size](const Block* block) { return block->size >= size && block->size <= 2 * size; };
    const auto found = size < kLeast ? kept_.end() : std::find_if(kept_.begin(), kept_.end(), fits);
    if (found != kept_.end()) {
      Block* const block = *found;
      kept_.erase(found);
      return block + 1;
    }
    if (size > std::numeric_limits<std::size_t>::max() - sizeof(Block)) return nullptr;
    while (!kept_.empty() && bytes_ + size > kMostBytes) drop_oldest();
    auto* const block = static_cast<Block*>(std::malloc(sizeof(Block) + size));
    if (!block) return nullptr;
    block->size = size;
    bytes_ += size;
    return block + 1;
  }

  void give_back(Block* block) {
    if (block->size >= kLeast && kept_.size() < kMostKept && bytes_ <= kMostBytes) return kept_.push_back(block);
    bytes_ -= block->size;
    std::free(block);
  }

  void drop_oldest() {
    bytes_ -= kept_.front()->size;
    std::free(kept_.front());
    kept_.erase(kept_.begin());
  }

  std::vector<Block*> kept_;
  std::size_t bytes_ = 0;  // kept, and out with an encoder
};

struct Destroy {
  void operator()(BrotliEncoderState* encoder) const noexcept { BrotliEncoderDestroyInstance(encoder); }
};

class BrotliCompressor final : public Compressor {
 public:
  bool begin(int level, std::optional<std::uint64_t> size) override {
    encoder_.reset();
    encoder_.reset(BrotliEncoderCreateInstance(Blocks::allocate, Blocks::release, &blocks_));
    if (!encoder_) return false;
    const auto quality = static_cast<std::uint32_t>(std::clamp(level, kLeastLevel, kMostLevel));
    const std::uint64_t hint = std::min<std::uint64_t>(size.value_or(kMostHint), kMostHint);
    return BrotliEncoderSetParameter(encoder_.get(), BROTLI_PARAM_QUALITY, quality) &&
           BrotliEncoderSetParameter(encoder_.get(), BROTLI_PARAM_LGWIN, kWindow) &&
           BrotliEncoderSetParameter(encoder_.get(), BROTLI_PARAM_SIZE_HINT, static_cast<std::uint32_t>(hint));
  }

  bool feed(std::string_view bytes, Until until, std::string& to) override {
    const BrotliEncoderOperation operation = until == Until::end    ? BROTLI_OPERATION_FINISH
                                             : until == Until::here ? BROTLI_OPERATION_FLUSH
                                                                    : BROTLI_OPERATION_PROCESS;
    std::size_t left = bytes.size();
    auto* next = reinterpret_cast<const std::uint8_t*>(bytes.data());
    do {
      std::size_t no_room = 0;  // it keeps what it makes until that is taken
      if (!BrotliEncoderCompressStream(encoder_.get(), operation, &left, &next, &no_room, nullptr, nullptr))
        return false;
      std::size_t size = 0;
      const std::uint8_t* const made = BrotliEncoderTakeOutput(encoder_.get(), &size);
      to.append(reinterpret_cast<const char*>(made), size);
    } while (left > 0 || BrotliEncoderHasMoreOutput(encoder_.get()));
    return until != Until::end || BrotliEncoderIsFinished(encoder_.get());
  }

 private:
  Blocks blocks_;  // outlives the encoder
  std::unique_ptr<BrotliEncoderState, Destroy> encoder_;
};

}  // namespace

std::unique_ptr<Compressor> make_brotli_compressor() {
  return std::make_unique<BrotliCompressor>();
}

}  // namespace edge
