// Reading what an app's process says of its folders.
#include "appserver/static_folders.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace edge {

namespace {

constexpr std::size_t kLongestUrl = 1024;

/// Takes the text up to the next NUL off `rest`; nothing when there is none.
std::optional<std::string_view> take_text(std::string_view& rest) {
  const std::size_t end = rest.find('\0');
  if (end == rest.npos) return std::nullopt;
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

void add_lines(std::string_view text, std::vector<std::string>& to) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) to.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// Whether a normalised path may begin with it, once it has a "/" at its beginning.
bool is_reachable(std::string_view url) {
  if (url.empty()) return true;  // all below the mount
  const std::string path = url.starts_with('/') ? std::string(url) : fmt::format("/{}", url);
  const auto holds = [&path](std::string_view part) { return path.find(part) != path.npos; };
  const bool plain = std::ranges::all_of(path, [](char c) { return (c < 0 || c >= ' ') && c != '\x7f'; });
  return plain && path.size() <= kLongestUrl && path.ends_with('/') && !holds("//") && !holds("/./") && !holds("/../");
}

bool is_place(std::string_view directory) {
  return directory.starts_with('/') && directory.size() < PATH_MAX;
}

void add_folder(std::string_view url, std::string_view directory, std::string_view marks, FoundFolders& to) {
  if (!is_reachable(url) || !is_place(directory)) {
    to.warnings.push_back(fmt::format("the folder {} cannot be served at {}: no path of a request begins like that",
                                      directory, url.substr(0, kLongestUrl)));
  } else if (to.folders.size() == kMostStaticFolders) {
    to.warnings.push_back(
        fmt::format("the folder {} is left to the app: edge takes {} at most", directory, kMostStaticFolders));
  } else if (std::ranges::find(to.folders, url, &StaticFolder::url) == to.folders.end()) {
    std::vector<std::string> lines;
    add_lines(marks, lines);
    const bool hashed_names = !lines.empty() && lines.front() == "hashed";
    if (hashed_names) lines.erase(lines.begin());
    std::ranges::sort(lines);
    to.folders.push_back({.url = std::string(url),
                          .below_mount = !url.starts_with('/'),
                          .directory = std::string(directory),
                          .hashed_names = hashed_names,
                          .not_hashed = hashed_names ? std::move(lines) : std::vector<std::string>()});
  }
}

std::unexpected<Error> broken() {
  return fail(ErrorKind::malformed, Side::app, "what its process says of its folders of files makes no sense");
}

}  // namespace

Result<FoundFolders> parse_static_folders(std::string_view text) {
  FoundFolders found;
  const std::optional<std::string_view> warnings = take_text(text);
  if (!warnings) return broken();
  add_lines(*warnings, found.warnings);
  while (!text.empty()) {
    const auto url = take_text(text);
    const auto directory = take_text(text);
    const auto marks = take_text(text);
    if (!marks) return broken();
    add_folder(*url, *directory, *marks, found);
  }
  return found;
}

bool may_read_what_edge_may(const std::optional<Account>& account) {
  if (!account || account->user == 0) return true;
  if (account->user != geteuid()) return false;
  std::vector<gid_t> ours(static_cast<std::size_t>(std::max(0, getgroups(0, nullptr))));
  if (!ours.empty())
    ours.resize(static_cast<std::size_t>(std::max(0, getgroups(static_cast<int>(ours.size()), ours.data()))));
  ours.push_back(getegid());
  return std::ranges::all_of(ours, [&account](gid_t group) {
    return group == account->group || std::ranges::find(account->groups, group) != account->groups.end();
  });
}

}  // namespace edge
