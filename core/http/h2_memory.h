// The memory of nghttp2's sessions: a stream takes a dozen small blocks, and gives them back with its answer.
#pragma once

#include <nghttp2/nghttp2.h>

namespace edge {

/// For every session, of any thread: blocks come from the free lists of the thread that uses the session.
nghttp2_mem* h2_memory();

}  // namespace edge
