// FromFreeLists: the base of a class whose objects come and go with each request.
#pragma once

#include <cstddef>

#include "core/free_lists.h"

namespace edge {

/// Whoever makes and deletes such an object uses the lists of the thread that it is on.
struct FromFreeLists {
  static void* operator new(std::size_t bytes) { return free_lists::allocate(bytes); }
  static void operator delete(void* object, std::size_t bytes) noexcept { free_lists::release(object, bytes); }
};

}  // namespace edge
