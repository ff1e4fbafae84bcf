// Blocks that know their size, because whoever gives one back does not say it.
#include "core/http/h2_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/free_lists.h"

namespace edge {

namespace {

#ifdef EDGE_SANITIZED
constexpr bool kHasSlots = false;  // a sanitizer sees the ends of blocks on the heap only
#else
constexpr bool kHasSlots = true;
#endif

/// What nghttp2 keeps is made of pointers and numbers: blocks are aligned for these, as their heads are.
struct Block {
  std::size_t size;  // with this
};

Block& block_of(void* memory) {
  return static_cast<Block*>(memory)[-1];
}

void* begin_block(void* memory, std::size_t size) {
  auto* const block = static_cast<Block*>(memory);
  block->size = size;
  return block + 1;
}

void* take_from_lists(std::size_t size) {
  return begin_block(free_lists::allocate(size), size);
}

}  // namespace

nghttp2_mem H2Memory::hooks() {
  return {this, allocate, release, allocate_zeros, reallocate};
}

void* H2Memory::allocate(std::size_t bytes, void* self) {
  const std::size_t size = bytes + sizeof(Block);
  auto& memory = *static_cast<H2Memory*>(self);
  if (kHasSlots && memory.in_making_) {
    if (void* const lasting = memory.lasting_.allocate(size)) return begin_block(lasting, size);
  }
  return take_from_lists(size);
}

void H2Memory::release(void* memory, void* self) {
  if (!memory || static_cast<H2Memory*>(self)->lasting_.contains(memory)) return;
  free_lists::release(&block_of(memory), block_of(memory).size);
}

void* H2Memory::allocate_zeros(std::size_t count, std::size_t each, void* self) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, each, &bytes)) return nullptr;
  void* const memory = allocate(bytes, self);
  if (!static_cast<H2Memory*>(self)->lasting_.contains(memory)) std::memset(memory, 0, bytes);
  return memory;
}

void* H2Memory::reallocate(void* memory, std::size_t bytes, void* self) {
  void* const larger = allocate(bytes, self);
  if (!memory) return larger;
  std::memcpy(larger, memory, std::min(bytes, block_of(memory).size - sizeof(Block)));
  release(memory, self);
  return larger;
}

}  // namespace edge
