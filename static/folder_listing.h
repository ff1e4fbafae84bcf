// FolderListing: what a folder holds, read and sorted. Blocks: for the thread pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "static/beneath.h"

namespace edge {

/// "?sort=time&order=desc"; what is neither known nor there is the name, ascending.
struct ListingOrder {
  enum class By : std::uint8_t { name, time, size };
  By by = By::name;
  bool descending = false;

  static ListingOrder of_query(std::string_view query);
};

struct FolderEntry {
  std::string name;  // bytes as the file system has them
  bool folder = false;
  std::uint64_t size = 0;     // of a file, in bytes
  std::int64_t modified = 0;  // seconds since the epoch
};

/// Which folder, and what of it. The view must live until the listing is read.
struct ListingWanted {
  std::string_view path;  // relative to the directory; empty: the directory itself; may end in "/"
  bool hidden_files = false;
  Links links = Links::inside;
  ListingOrder order;
};

struct FolderListing {
  static constexpr std::size_t kMostEntries = 10'000;
  static constexpr std::size_t kMostLookedAt = 100'000;  // also of what is left out

  int error = 0;  // errno when the folder could not be read, or not to its end
  std::vector<FolderEntry> entries;
  bool cut = false;  // there are more

  /// Files and folders that could be asked for: nothing special, nothing hidden, and of the symbolic links those that
  /// are followed, as what they lead to. Folders come first.
  static FolderListing read(int directory, const ListingWanted& wanted, OpenStep step);
};

}  // namespace edge
