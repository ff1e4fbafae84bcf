// HotFiles: small files that were asked for twice within a second, kept whole, so that a hit costs one look at the
// file instead of opening, reading and closing it. A changed, replaced or removed file is never served from here.
// One a handler and loop; bounded: kPlaces files of kLargest bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "static/resolve.h"

namespace edge {

struct HotFile {
  std::string path;  // relative to the directory
  FileFacts facts;
  std::uint64_t inode = 0;
  std::string_view type;  // Content-Type; of the MimeTypes, which outlive this
  std::string content;
  std::uint64_t noted = 0;  // Loop::now() when it was asked for first
  bool filled = false;
};

class HotFiles {
 public:
  static constexpr std::size_t kPlaces = 256;
  static constexpr std::uint64_t kLargest = 8 * 1024;  // bytes
  static constexpr std::uint64_t kWithin = 1'000;      // milliseconds between two requests that make a file hot
  static constexpr std::int64_t kSettled = 2;          // seconds: what changed later may change again unseen, for
                                                       // file systems count time in ticks

  /// The file, if it is kept and `path` beneath `directory` is still that very file, unchanged; else null. Valid until
  /// the next call of note(). One system call, on what was open a moment ago.
  const HotFile* find(std::string_view path, int directory) const;
  /// `path` was found beneath the directory and opened as `fd`. Reads it when it is hot, from the page cache only.
  /// `now` is Loop::now(), `unix_now` seconds since the epoch.
  void note(std::string_view path, int fd, const FileFacts& facts, std::string_view type, std::uint64_t now,
            std::int64_t unix_now);

 private:
  static std::size_t place_of(std::string_view path) { return std::hash<std::string_view>()(path) % kPlaces; }
  static void fill(HotFile& file, int fd, const FileFacts& facts, std::string_view type);

  std::unique_ptr<std::array<HotFile, kPlaces>> places_ = std::make_unique<std::array<HotFile, kPlaces>>();
};

}  // namespace edge
