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

constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 32;  // blocks up to 2 KiB are kept
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
  return (bytes + kStep - 1) / kStep - 1;
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
  return ::operator new((index + 1) * kStep);
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
