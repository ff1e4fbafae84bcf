// Free lists: memory for small things that come and go by the thousand, kept by the thread that let go of them.
#pragma once

#include <cstddef>

namespace edge::free_lists {

/// From the calling thread's list of that size, else from the heap; plain operator new under sanitizers. Aligned for
/// any object. Never null.
void* allocate(std::size_t bytes);
/// On any thread, with the size that it was allocated with.
void release(void* block, std::size_t bytes) noexcept;

}  // namespace edge::free_lists
