// Blocks that know their size, because whoever gives one back does not say it.
#include "core/http/h2_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/free_lists.h"

namespace edge {

namespace {

struct alignas(std::max_align_t) Block {
  std::size_t size;  // with this
};

Block& block_of(void* memory) {
  return static_cast<Block*>(memory)[-1];
}

void* allocate(std::size_t bytes, void*) {
  const std::size_t size = bytes + sizeof(Block);
  auto* const block = static_cast<Block*>(free_lists::allocate(size));
  block->size = size;
  return block + 1;
}

void release(void* memory, void*) {
  if (memory) free_lists::release(&block_of(memory), block_of(memory).size);
}

void* allocate_zeros(std::size_t count, std::size_t each, void*) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, each, &bytes)) return nullptr;
  void* const memory = allocate(bytes, nullptr);
  std::memset(memory, 0, bytes);
  return memory;
}

void* reallocate(void* memory, std::size_t bytes, void*) {
  void* const larger = allocate(bytes, nullptr);
  if (!memory) return larger;
  std::memcpy(larger, memory, std::min(bytes, block_of(memory).size - sizeof(Block)));
  release(memory, nullptr);
  return larger;
}

}  // namespace

nghttp2_mem* h2_memory() {
  static nghttp2_mem memory{nullptr, allocate, release, allocate_zeros, reallocate};
  return &memory;
}

}  // namespace edge
