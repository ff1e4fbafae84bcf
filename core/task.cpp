// Free lists of coroutine frames, one set a thread.
#include "core/task.h"

#include <array>
#include <new>

namespace edge::task_frames {

#ifdef EDGE_SANITIZED

void* allocate(std::size_t bytes) {
  return ::operator new(bytes);
}
void release(void* frame, std::size_t) noexcept {
  ::operator delete(frame);
}

#else

namespace {

constexpr std::size_t kStep = 128;
constexpr std::size_t kClasses = 16;  // frames up to 2 KiB are kept
constexpr std::size_t kKeptPerClass = 1024;

struct FreeFrame {
  FreeFrame* next;
};

struct FreeLists {
  std::array<FreeFrame*, kClasses> first{};
  std::array<std::size_t, kClasses> kept{};
  ~FreeLists() {
    for (FreeFrame* frame : first) {
      while (frame) ::operator delete(std::exchange(frame, frame->next));
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
  if (FreeFrame* frame = lists.first[index]) {
    lists.first[index] = frame->next;
    --lists.kept[index];
    return frame;
  }
  return ::operator new((index + 1) * kStep);
}

void release(void* frame, std::size_t bytes) noexcept {
  const std::size_t index = class_of(bytes);
  if (index >= kClasses || lists.kept[index] == kKeptPerClass) return ::operator delete(frame);
  auto* free = static_cast<FreeFrame*>(frame);
  free->next = lists.first[index];
  lists.first[index] = free;
  ++lists.kept[index];
}

#endif

}  // namespace edge::task_frames
