// Encodings: in which content codings a route may send a file (RFC 9110 8.4, 12.5.3), and where they come from: a file
// beside it (a.css.br, with `precompressed`), or the compressor (with `compress`), once for each version of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/http/accept_encoding.h"
#include "core/http/request.h"
#include "core/http/settings.h"
#include "core/task.h"
#include "core/unique_fd.h"
#include "static/beneath.h"
#include "static/file_version.h"

namespace edge {

/// One for each handler; belongs to its loop.
class Encodings {
 public:
  /// No larger file is compressed: it would keep a thread of the pool for long, and much memory.
  static constexpr std::uint64_t kMostCompressed = 4 << 20;  // bytes
  /// What is larger is compressed on the thread pool.
  static constexpr std::uint64_t kMostOnLoop = 32 * 1024;

  Encodings(bool precompressed, Links links, OpenSupport support)
      : precompressed_(precompressed), links_(links), support_(support) {}

  /// How the request's route sends such a file.
  FileVersion::Manner manner(const Request& request, std::string_view type, std::uint64_t size) const;
  /// Whether the answer depends on Accept-Encoding, so that Vary must say so.
  bool vary(const Request& request, const FileVersion& version) const;
  /// The coding that the client likes best of those that the version has or may have yet. Identity for a request with
  /// Range: a part of what is made anew for each version would fit to no other.
  Coding choose(const Request& request, const FileVersion& version) const;

  /// Where the file is. Both live until the task is done.
  struct Place {
    std::shared_ptr<const UniqueFd> directory;
    std::string_view path;  // below it
  };
  /// Finds or makes a coding that is not known yet: afterwards it is here, or there is none.
  Task<void> prepare(const Request& request, Place place, std::shared_ptr<FileVersion> version, Coding coding) const;

 private:
  /// A rule for Cache-Control may forbid it for this request.
  static bool compresses(const Request& request, const FileVersion& version);
  Task<bool> find_neighbour(Loop& loop, const Place& place, FileVersion& version, Coding coding) const;

  bool precompressed_;
  Links links_;
  OpenSupport support_;
};

}  // namespace edge
