// Free lists, one set a thread.
#include "core/free_lists.h"

#include <array>
#include <new>
#include <utility>

namespace edge::free_lists {

#ifdef EDGE_SANITIZED

void* allocate(std::size_t bytes) {
  return ::operator new(bytes);
}
void release(void* block, std::size_t) noexcept {
  ::operator delete(block);
}

#else

namespace {

/// Blocks of 24, 40, … 264 bytes, which the heap gives without waste; then, of 328, 392, … 2,056. Larger ones are not
/// kept.
constexpr std::size_t kSmallStep = 16;
constexpr std::size_t kSmallClasses = 16;
constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 44;
constexpr std::size_t kFirst = 24;
constexpr std::size_t kLastSmall = kFirst + (kSmallClasses - 1) * kSmallStep;
constexpr std::size_t kKeptPerClass = 1024;

struct FreeBlock {
  FreeBlock* next;
};

struct FreeLists {
  std::array<FreeBlock*, kClasses> first{};
  std::array<std::size_t, kClasses> kept{};
  ~FreeLists() {
    for (FreeBlock* block : first) {
      while (block) ::operator delete(std::exchange(block, block->next));
    }
  }
};

thread_local FreeLists lists;

std::size_t class_of(std::size_t bytes) {
  if (bytes <= kFirst) return 0;
  if (bytes <= kLastSmall) return (bytes - kFirst + kSmallStep - 1) / kSmallStep;
  return kSmallClasses - 1 + (bytes - kLastSmall + kStep - 1) / kStep;
}

std::size_t size_of(std::size_t index) {
  if (index < kSmallClasses) return kFirst + index * kSmallStep;
  return kLastSmall + (index - kSmallClasses + 1) * kStep;
}

}  // namespace

void* allocate(std::size_t bytes) {
  const std::size_t index = class_of(bytes);
  if (index >= kClasses) return ::operator new(bytes);
  if (FreeBlock* block = lists.first[index]) {
    lists.first[index] = block->next;
    --lists.kept[index];
    return block;
  }
  return ::operator new(size_of(index));
}

void release(void* block, std::size_t bytes) noexcept {
  const std::size_t index = class_of(bytes);
  if (index >= kClasses || lists.kept[index] == kKeptPerClass) return ::operator delete(block);
  auto* free = static_cast<FreeBlock*>(block);
  free->next = lists.first[index];
  lists.first[index] = free;
  ++lists.kept[index];
}

#endif

}  // namespace edge::free_lists
