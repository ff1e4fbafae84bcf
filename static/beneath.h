// Opening below a directory: whatever the path says and wherever links point, nothing outside is ever opened.
#pragma once

#include <cstdint>

#include "config/snapshot.h"

namespace edge {

using config::Links;

/// How one attempt to open is made.
enum class OpenStep : std::uint8_t {
  cached,      // openat2 with what the kernel holds in memory; -EAGAIN when it would have to wait. Never blocks.
  complete,    // openat2; may wait for a disk
  by_segment,  // openat for each segment, for kernels without openat2; may wait for a disk
};

/// What the running kernel offers (openat2 since 5.6, RESOLVE_CACHED since 5.12; old sandboxes forbid both).
struct OpenSupport {
  bool cached = false;                       // OpenStep::cached works
  OpenStep blocking = OpenStep::by_segment;  // the step that settles it; belongs on the thread pool
};
OpenSupport probe_open_support();

/// Opens `path` (relative, without empty segments; "." is the directory itself) below the descriptor `directory` with
/// open(2)'s `flags`; O_CLOEXEC, O_NONBLOCK and O_NOCTTY are added, so a FIFO does not wait for its writer. Returns
/// the descriptor or a negated errno.
///
/// Links::inside: symbolic links are followed while they stay inside; one that is absolute or leads out is EXDEV, as is
/// a path with too many "..". Links::never, and by_segment with either: every symbolic link is refused (ELOOP, or
/// ENOTDIR within the path). Links::always: all are followed, but those of /proc that name no path (ELOOP), which
/// by_segment follows as well; a path with ".." or from the root is EXDEV.
int open_beneath(int directory, const char* path, int flags, OpenStep step, Links links = Links::inside);

/// Opens the directory `path` itself (O_PATH), wherever links lead. Returns the descriptor or a negated errno.
int open_directory(const char* path, OpenStep step);

}  // namespace edge
