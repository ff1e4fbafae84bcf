// H2Memory: the memory of one session of nghttp2. What it holds as long as it lives lies in a slot, and can be put by
// while the session rests; a stream takes a dozen small blocks, and gives them back with its answer.
#pragma once

#include <nghttp2/nghttp2.h>

#include "core/http/h2_slot.h"

namespace edge {

/// Owned by whoever has the session, and outlives it; on that one thread.
class H2Memory {
 public:
  /// To make the session with.
  nghttp2_mem hooks();
  /// The session is made: what it takes from now on comes and goes, by the free lists of the thread.
  void session_is_made() { in_making_ = false; }

  /// The session may not be used until bring_back().
  void put_by() { lasting_.put_by(); }
  void bring_back() {
    if (is_put_by()) lasting_.bring_back();
  }
  bool is_put_by() const { return lasting_.is_put_by(); }

 private:
  static void* allocate(std::size_t bytes, void* self);
  static void* allocate_zeros(std::size_t count, std::size_t each, void* self);
  static void* reallocate(void* memory, std::size_t bytes, void* self);
  static void release(void* memory, void* self);

  H2Slot lasting_;
  bool in_making_ = true;
};

}  // namespace edge
