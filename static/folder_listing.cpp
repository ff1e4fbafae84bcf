// Reading a folder entry by entry, within bounds.
#include "static/folder_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "core/unique_fd.h"

namespace edge {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using OpenFolder = std::unique_ptr<DIR, CloseFolder>;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Letters of both cases together, as people look for names.
bool name_before(const FolderEntry& a, const FolderEntry& b) {
  const auto before = [](char x, char y) {
    return static_cast<unsigned char>(lower(x)) < static_cast<unsigned char>(lower(y));
  };
  if (std::ranges::lexicographical_compare(a.name, b.name, before)) return true;
  if (std::ranges::lexicographical_compare(b.name, a.name, before)) return false;
  return a.name < b.name;
}

bool comes_before(const ListingOrder& order, const FolderEntry& a, const FolderEntry& b) {
  if (a.folder != b.folder) return a.folder;
  const FolderEntry& first = order.descending ? b : a;
  const FolderEntry& second = order.descending ? a : b;
  if (order.by == ListingOrder::By::time && a.modified != b.modified) return first.modified < second.modified;
  if (order.by == ListingOrder::By::size && a.size != b.size) return first.size < second.size;
  return order.by == ListingOrder::By::name ? name_before(first, second) : name_before(a, b);
}

std::string without_end_slash(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

class FolderReader {
 public:
  FolderReader(int directory, const ListingWanted& wanted, OpenStep step)
      : directory_(directory), wanted_(wanted), step_(step), path_(without_end_slash(wanted.path)) {}

  FolderListing read() {
    FolderListing listing;
    const char* const path = path_.empty() ? "." : path_.c_str();
    const int fd = open_beneath(directory_, path, O_RDONLY | O_DIRECTORY, step_, wanted_.links);
    const OpenFolder folder(fd < 0 ? nullptr : ::fdopendir(fd));
    if (!folder) {
      listing.error = fd < 0 ? -fd : errno;
      if (fd >= 0) ::close(fd);
      return listing;
    }
    read_entries(folder.get(), listing);
    std::ranges::sort(listing.entries,
                      [this](const FolderEntry& a, const FolderEntry& b) { return comes_before(wanted_.order, a, b); });
    return listing;
  }

 private:
  void read_entries(DIR* folder, FolderListing& listing) const {
    for (std::size_t looked_at = 0;; ++looked_at) {
      errno = 0;
      const dirent* const found = ::readdir(folder);
      if (!found) {
        listing.error = errno;
        return;
      }
      listing.cut = looked_at == FolderListing::kMostLookedAt;
      if (listing.cut) return;
      std::optional<FolderEntry> entry = look_at(::dirfd(folder), found->d_name);
      if (!entry) continue;
      listing.cut = listing.entries.size() == FolderListing::kMostEntries;
      if (listing.cut) return;
      listing.entries.push_back(std::move(*entry));
    }
  }

  /// Nothing for what is not shown.
  std::optional<FolderEntry> look_at(int folder, std::string_view name) const {
    if (name == "." || name == ".." || (name.starts_with('.') && !wanted_.hidden_files)) return std::nullopt;
    struct stat status;
    if (fstatat(folder, name.data(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
    if (S_ISLNK(status.st_mode) && !follow(name, status)) return std::nullopt;
    const bool is_folder = S_ISDIR(status.st_mode);
    if (!is_folder && !S_ISREG(status.st_mode)) return std::nullopt;
    const auto size = is_folder ? 0 : static_cast<std::uint64_t>(status.st_size);
    return FolderEntry{std::string(name), is_folder, size, status.st_mtim.tv_sec};
  }

  bool follow(std::string_view name, struct stat& status) const {
    const std::string path = path_.empty() ? std::string(name) : path_ + "/" + std::string(name);
    const UniqueFd target(open_beneath(directory_, path.c_str(), O_PATH, step_, wanted_.links));
    return target && fstat(target.get(), &status) == 0;
  }

  int directory_;
  const ListingWanted& wanted_;
  OpenStep step_;
  std::string path_;
};

}  // namespace

ListingOrder ListingOrder::of_query(std::string_view query) {
  ListingOrder order;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair == "sort=name") order.by = By::name;
    if (pair == "sort=time") order.by = By::time;
    if (pair == "sort=size") order.by = By::size;
    if (pair.starts_with("order=")) order.descending = pair == "order=desc";
  }
  return order;
}

FolderListing FolderListing::read(int directory, const ListingWanted& wanted, OpenStep step) {
  return FolderReader(directory, wanted, step).read();
}

}  // namespace edge
