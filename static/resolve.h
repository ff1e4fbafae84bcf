// Resolving: from a path below a directory to an open file, an index file, or why there is none. No loop, no coroutine:
// the same function runs on a loop (OpenStep::cached) and on the thread pool (the other steps).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/unique_fd.h"
#include "static/beneath.h"

namespace edge {

/// What tells one version of a file from another.
struct FileFacts {
  std::uint64_t size = 0;         // bytes
  std::int64_t modified = 0;      // seconds since the epoch
  std::uint32_t modified_ns = 0;  // nanoseconds within that second
  std::uint64_t inode = 0;
  std::int64_t changed = 0;      // st_ctim, seconds since the epoch: nobody can set it, so it also moves where content
  std::uint32_t changed_ns = 0;  // is replaced under an old time, or rights are taken (and where a link is made)
  bool operator==(const FileFacts&) const = default;
};

bool is_same(const FileFacts& facts, const struct stat& status);
/// Nobody has written to the open file since those facts were read.
bool is_untouched(int fd, const FileFacts& facts);

/// What is looked for. The views must live until resolve() has returned and its result is used.
struct Wanted {
  std::string_view path;               // relative; empty: the directory itself
  bool folder = false;                 // the request's path ends in "/": an index file is wanted
  std::span<const std::string> index;  // names to try in a folder, in order
  Links links = Links::inside;
};

struct Resolved {
  enum class Outcome : std::uint8_t {
    file,       // fd, facts and name are set
    directory,  // a directory, but no folder was asked for: the client should repeat with "/" at the end
    no_index,   // a folder without any of the index files
    failed,     // errno says why; ENOENT also for what is no regular file
    waits,      // OpenStep::cached only: try again on the thread pool
  };
  Outcome outcome = Outcome::failed;
  int error = 0;
  UniqueFd fd;  // open for reading
  FileFacts facts;
  std::string_view name;  // what was opened: the path or the index name; its end tells the content type
};

Resolved resolve(int directory, const Wanted& wanted, OpenStep step);

/// resolve() for the thread pool. Keeps the directory's descriptor open, which the loop may replace meanwhile.
struct PooledResolve {
  std::shared_ptr<const UniqueFd> directory;
  Wanted wanted;
  OpenStep step;
  Resolved operator()() const { return resolve(directory->get(), wanted, step); }
};

/// For the thread pool: whether there is something by the name of `wanted` (a folder where one is wanted), though it
/// may not be opened. Directories on the way that may not be searched hide it.
struct PooledSight {
  std::shared_ptr<const UniqueFd> directory;
  Wanted wanted;
  OpenStep step;
  bool operator()() const;
};

}  // namespace edge
