// Handing it out, and what of it is worth keeping.
#include "proxy/exchange_memory.h"

#include "proxy/codec_of.h"

namespace edge {

namespace {

constexpr std::size_t kMostKept = 16;
constexpr std::size_t kLargeOut = 16 * 1024;  // bytes
constexpr std::size_t kManyBlocks = 32;
constexpr std::size_t kManyPieces = 512;

bool is_large(const ExchangeMemory& memory) {
  return memory.out.capacity() > kLargeOut || memory.blocks.capacity() > kManyBlocks ||
         memory.pieces.capacity() > kManyPieces;
}

}  // namespace

ExchangeMemoryPool::Pointer ExchangeMemoryPool::acquire() {
  if (free_.empty()) return Pointer(new ExchangeMemory(codec_of(upstream_)), Release{this});
  std::unique_ptr<ExchangeMemory> memory = std::move(free_.back());
  free_.pop_back();
  return Pointer(memory.release(), Release{this});
}

void ExchangeMemoryPool::release(std::unique_ptr<ExchangeMemory> memory) {
  memory->out.clear();
  memory->blocks.clear();
  memory->pieces.clear();
  if (free_.size() < kMostKept && !is_large(*memory)) free_.push_back(std::move(memory));
}

}  // namespace edge
