// Walking folders by descriptors, with every bound that hostile or merely large trees call for.
#include "core/file_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace edge {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};
using OpenFolder = std::unique_ptr<DIR, CloseFolder>;

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

FileState state_from(const struct stat& status) {
  return {nanoseconds(status.st_mtim), nanoseconds(status.st_ctim), status.st_size};
}

std::optional<FileState> state_in(int folder, const char* name, struct stat& status) {
  if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  const std::int64_t link_changed = S_ISLNK(status.st_mode) ? nanoseconds(status.st_ctim) : 0;
  if (S_ISLNK(status.st_mode) && fstatat(folder, name, &status, 0) != 0) return std::nullopt;
  errno = 0;
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  FileState state = state_from(status);
  // A link that was turned to another file shows, even where both files are alike.
  state.changed = std::max(state.changed, link_changed);
  return state;
}

bool is_link_to_folder(int folder, const FileTree::Entry& entry) {
  struct stat status{};
  return entry.is_link && fstatat(folder, entry.name.c_str(), &status, 0) == 0 && S_ISDIR(status.st_mode);
}

bool is_virtual_environment(const std::vector<FileTree::Entry>& entries) {
  return std::ranges::binary_search(entries, "pyvenv.cfg", {}, &FileTree::Entry::name);
}

bool is_written_by_programs(std::string_view name) {
  constexpr std::array<std::string_view, 11> kEndings{".pyc", ".pyo",    ".log", ".pid", ".sock", ".lock",
                                                      ".tmp", ".sqlite", ".db",  "~",    "#"};
  constexpr std::array<std::string_view, 3> kBesideDatabases{"-journal", "-wal", "-shm"};
  for (const std::string_view beside : kBesideDatabases) {
    if (name.ends_with(beside)) return true;
  }
  if (name.ends_with(".sqlite3") || name.contains(".log.")) return true;
  return std::ranges::any_of(kEndings, [name](std::string_view ending) { return name.ends_with(ending); });
}

bool is_left_out(std::string_view file_name) {
  const bool hidden = file_name.starts_with('.') && !file_name.starts_with(".env");
  return hidden || is_written_by_programs(file_name);
}

/// What says for certain that there is nothing under that name.
bool is_absence(int reason) {
  constexpr std::array<int, 5> kReasons{0, ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG};
  return std::ranges::find(kReasons, reason) != kReasons.end();
}

std::string below(const std::string& folder, std::string_view name) {
  std::string path = folder;
  if (!path.ends_with('/')) path += '/';
  path += name;
  return path;
}

}  // namespace

std::optional<FileState> file_state(const std::string& path) {
  struct stat status{};
  return state_in(AT_FDCWD, path.c_str(), status);
}

std::string first_difference(const std::vector<SeenFile>& before, const std::vector<SeenFile>& now) {
  auto old = before.begin();
  auto fresh = now.begin();
  while (old != before.end() && fresh != now.end()) {
    const int order = old->path.compare(fresh->path);
    if (order < 0) return old->path + " is gone";
    if (order > 0) return fresh->path + " is new";
    if (old->state != fresh->state) return old->path + " changed";
    ++old;
    ++fresh;
  }
  if (old != before.end()) return old->path + " is gone";
  if (fresh != now.end()) return fresh->path + " is new";
  return {};
}

bool FileTree::belongs(std::string_view folder_name) {
  return !folder_name.starts_with('.') && folder_name != "__pycache__" && folder_name != "node_modules";
}

void FileTree::leave_out(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) == 0) left_out_.emplace_back(status.st_dev, status.st_ino);
}

void FileTree::add(const std::string& path) {
  if (!may_go_on()) return;
  if (const std::optional<FileState> state = file_state(path)) {
    files_.push_back({path, *state});
    return;
  }
  not_seen(path, errno);
  std::vector<std::string> pending{path};
  bool is_beneath = false;
  while (!pending.empty() && failure_.empty()) {
    const std::string folder = std::move(pending.back());
    pending.pop_back();
    add_folder(folder, is_beneath, pending);
    is_beneath = true;
  }
}

std::vector<FileTree::Entry> FileTree::entries(const std::string& folder) {
  const OpenFolder opened(opendir(folder.c_str()));
  if (opened) return entries_of(opened.get(), folder);
  not_seen(folder, errno);
  return {};
}

std::vector<SeenFile> FileTree::take() {
  std::ranges::sort(files_, {}, &SeenFile::path);
  const auto repeated = std::ranges::unique(files_, {}, &SeenFile::path);
  files_.erase(repeated.begin(), repeated.end());
  return std::move(files_);
}

bool FileTree::may_go_on() {
  const bool unwanted = unwanted_ && unwanted_->load(std::memory_order_relaxed);
  if (unwanted || files_.size() >= limits_.files || entries_read_ >= limits_.entries) complete_ = false;
  return complete_ && failure_.empty();
}

void FileTree::not_seen(const std::string& path, int reason) {
  if (reason == EACCES) return denied_.push_back(path);
  if (failure_.empty() && !is_absence(reason)) failure_ = path + ": " + std::strerror(reason);
}

bool FileTree::is_first_visit(int folder, const std::string& path) {
  struct stat status{};
  if (fstat(folder, &status) != 0) {
    not_seen(path, errno);
    return false;
  }
  const Identity identity{status.st_dev, status.st_ino};
  const auto place = std::ranges::lower_bound(visited_, identity);
  if (place != visited_.end() && *place == identity) return false;
  visited_.insert(place, identity);
  return true;
}

std::vector<FileTree::Entry> FileTree::entries_of(DIR* folder, const std::string& path) {
  std::vector<Entry> found;
  int reason = 0;
  while (true) {
    errno = 0;
    const dirent* const entry = readdir(folder);
    reason = entry ? 0 : errno;
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (!may_go_on()) break;
    ++entries_read_;
    unsigned char type = entry->d_type;
    if (struct stat status{};
        type == DT_UNKNOWN && fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
      type = static_cast<unsigned char>(IFTODT(status.st_mode));
    }
    found.push_back({std::string(name), type == DT_DIR, type == DT_LNK});
  }
  not_seen(path, reason);
  std::ranges::sort(found, {}, &Entry::name);
  return found;
}

void FileTree::add_folder(const std::string& path, bool is_beneath, std::vector<std::string>& pending) {
  const OpenFolder folder(opendir(path.c_str()));
  if (!folder) return not_seen(path, errno);
  if (!is_first_visit(dirfd(folder.get()), path)) return;
  const std::vector<Entry> entries = entries_of(folder.get(), path);
  if (is_beneath && is_virtual_environment(entries)) return;
  std::vector<std::string> subfolders;
  for (const Entry& entry : entries) add_entry(dirfd(folder.get()), path, entry, subfolders);
  // In order: where links lead to one folder on two ways, it is always found on the same.
  pending.insert(pending.end(), std::move_iterator(subfolders.rbegin()), std::move_iterator(subfolders.rend()));
}

void FileTree::add_entry(int folder, const std::string& path, const Entry& entry,
                         std::vector<std::string>& subfolders) {
  if (entry.is_folder || is_link_to_folder(folder, entry)) {
    if (belongs(entry.name)) subfolders.push_back(below(path, entry.name));
    return;
  }
  if (is_left_out(entry.name) || !may_go_on()) return;
  struct stat status{};
  const std::optional<FileState> state = state_in(folder, entry.name.c_str(), status);
  if (!state) return not_seen(below(path, entry.name), errno);
  const bool is_left_out_by_path =
      std::ranges::find(left_out_, Identity{status.st_dev, status.st_ino}) != left_out_.end();
  if (!is_left_out_by_path) files_.push_back({below(path, entry.name), *state});
}

}  // namespace edge
