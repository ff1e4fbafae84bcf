// Matching part by part; the names come from FileTree, which bounds how many.
#include "core/path_pattern.h"

#include <fnmatch.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace edge {

namespace {

constexpr std::string_view kAnyDepth = "**";

bool matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD | FNM_NOESCAPE) == 0;
}

std::string_view as_folder(const std::string& path) {
  return path.empty() ? std::string_view("/") : std::string_view(path);
}

}  // namespace

std::string literal_pattern(std::string_view path) {
  std::string pattern;
  for (const char c : path) {
    const bool is_special = c == '*' || c == '?' || c == '[';
    pattern += is_special ? std::string{'[', c, ']'} : std::string{c};
  }
  return pattern;
}

PathPattern::PathPattern(std::string text) : text_(std::move(text)) {
  std::size_t begin = 0;
  while (begin < text_.size()) {
    const std::size_t end = std::min(text_.find('/', begin), text_.size());
    const std::string part = text_.substr(begin, end - begin);
    const bool repeats = part == kAnyDepth && !parts_.empty() && parts_.back() == kAnyDepth;
    if (!part.empty() && !repeats) parts_.push_back(part);
    begin = end + 1;
  }
}

void PathPattern::find_from(std::string folder, std::size_t part, FileTree& to) const {
  while (part < parts_.size() && parts_[part].find_first_of("*?[") == std::string::npos) {
    folder += '/';
    folder += parts_[part++];
  }
  if (part == parts_.size()) return to.add(std::string(as_folder(folder)));
  if (parts_[part] == kAnyDepth) return find_at_any_depth(folder, part, to);
  for (const FileTree::Entry& entry : to.entries(std::string(as_folder(folder)))) {
    if (matches(parts_[part], entry.name)) find_from(folder + '/' + entry.name, part + 1, to);
  }
}

void PathPattern::find_at_any_depth(const std::string& folder, std::size_t part, FileTree& to) const {
  if (part + 1 == parts_.size()) return to.add(std::string(as_folder(folder)));
  find_from(folder, part + 1, to);
  for (const FileTree::Entry& entry : to.entries(std::string(as_folder(folder)))) {
    if (entry.is_folder && FileTree::belongs(entry.name)) find_at_any_depth(folder + '/' + entry.name, part, to);
  }
}

}  // namespace edge
