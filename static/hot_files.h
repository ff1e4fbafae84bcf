// HotFiles: small files that were asked for twice within a second, kept whole for the rest of that second, so that a
// file that everybody wants costs no system call. One a handler and loop; bounded: kPlaces files of kLargest bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "static/resolve.h"

namespace edge {

struct HotFile {
  std::string path;  // relative, as asked for
  FileFacts facts;
  std::string_view type;  // Content-Type; of the MimeTypes, which outlive this
  std::string content;
  std::uint64_t until = 0;  // milliseconds of the loop's clock; from then on the file is looked at again
  bool filled = false;
};

class HotFiles {
 public:
  static constexpr std::size_t kPlaces = 256;
  static constexpr std::uint64_t kLargest = 8 * 1024;  // bytes
  static constexpr std::uint64_t kFreshFor = 1'000;    // milliseconds; what has changed is served no longer than that

  /// The file as it was at most kFreshFor ago; null when it is not kept. Valid until the next call of note().
  const HotFile* find(std::string_view path, std::uint64_t now) const;
  /// A file was found and opened for `path`. Reads it from the page cache when this is the second time within
  /// kFreshFor; never waits for a disk.
  void note(std::string_view path, int fd, const FileFacts& facts, std::string_view type, std::uint64_t now);

 private:
  static std::size_t place_of(std::string_view path) { return std::hash<std::string_view>()(path) % kPlaces; }
  static void fill(HotFile& file, int fd, const FileFacts& facts, std::string_view type, std::uint64_t now);

  std::unique_ptr<std::array<HotFile, kPlaces>> places_ = std::make_unique<std::array<HotFile, kPlaces>>();
};

}  // namespace edge
