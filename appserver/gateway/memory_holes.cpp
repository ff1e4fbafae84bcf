// CPython gives small blocks out of pools of one size, and out of a fresh pool only when there is no hole of that size
// left. A pool is a few pages: a header, then blocks side by side, which are given out in their order.
#include "appserver/gateway/memory_holes.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "appserver/gateway/python.h"

namespace edge::gateway {
namespace {

constexpr std::size_t kStep = 16;  // between the sizes of blocks
constexpr std::size_t kLargest = 512;
constexpr std::size_t kPoolHeader = 48;
constexpr std::size_t kSmallPool = 4 * 1024;    // of CPython 3.9
constexpr std::size_t kPool = 16 * 1024;        // from 3.10 on
constexpr std::size_t kRun = 6;                 // blocks in their order that make out a fresh pool
constexpr std::size_t kMost = 4 * 1024 * 1024;  // bytes of one size
constexpr std::size_t kLargestInHeap = 64 * 1024;
constexpr std::size_t kLargestStepped = 1024;
constexpr std::size_t kMostHeap = 16 * 1024 * 1024;  // bytes of one size

/// The holes of one size.
class Holes {
 public:
  explicit Holes(std::size_t size) : size_(size) {}

  /// False: they are another allocator's.
  bool fill() {
    std::size_t kept = 0;
    while (take_one()) {
      const bool fresh = is_pool_fresh();
      kept = fresh ? blocks_.size() - kRun : blocks_.size();
      if (fresh || blocks_.size() * size_ >= kMost) break;
    }
    if (is_foreign_) kept = 0;
    for (std::size_t i = kept; i < blocks_.size(); ++i) PyObject_Free(blocks_[i]);
    return !is_foreign_;
  }

 private:
  bool take_one() {
    void* const block = PyObject_Malloc(size_);
    if (block == nullptr) return false;
    blocks_.push_back(block);
    is_foreign_ = !is_in_pool(kPool) && !is_in_pool(kSmallPool);
    return !is_foreign_;
  }

  bool is_in_pool(std::size_t pool_size) const {
    const std::size_t offset = reinterpret_cast<std::uintptr_t>(blocks_.back()) % pool_size;
    return offset >= kPoolHeader && (offset - kPoolHeader) % size_ == 0;
  }

  /// The last blocks are the first of a pool, in their order: nobody had any of it.
  bool is_pool_fresh() const {
    if (blocks_.size() < kRun) return false;
    const auto* const run = &blocks_[blocks_.size() - kRun];
    const auto first = reinterpret_cast<std::uintptr_t>(run[0]);
    if (first % kSmallPool != kPoolHeader) return false;
    for (std::size_t i = 1; i < kRun; ++i) {
      if (reinterpret_cast<std::uintptr_t>(run[i]) != first + i * size_) return false;
    }
    return true;
  }

  const std::size_t size_;
  std::vector<void*> blocks_;
  bool is_foreign_ = false;  // of another allocator
};

/// Below the top of the C library's heap, of one size. What is taken has no owner any more.
void fill_heap(std::size_t size, std::uintptr_t top) {
  for (std::size_t taken = 0; taken < kMostHeap; taken += size) {
    void* const block = std::malloc(size);
    if (block != nullptr && reinterpret_cast<std::uintptr_t>(block) < top) continue;
    std::free(block);  // there is no such hole
    return;
  }
}

/// Larger objects, and the tables of dictionaries: the C library looks for a hole as well before it goes on at the top.
void fill_heap_holes() {
  const auto end = reinterpret_cast<std::uintptr_t>(sbrk(0));
  const std::uintptr_t top = end - mallinfo2().keepcost;
  for (std::size_t size = kLargestInHeap; size > kLargestStepped; size /= 2) fill_heap(size, top);
  for (std::size_t size = kLargestStepped; size > 0; size -= kStep) fill_heap(size, top);
}

}  // namespace

void fill_memory_holes() {
  fill_heap_holes();
  for (std::size_t size = kLargest; size > 0; size -= kStep) {  // of small sizes all places look like a pool's
    if (!Holes(size).fill()) return;
  }
}

}  // namespace edge::gateway
