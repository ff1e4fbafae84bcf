// PathPattern: an absolute path in which `*`, `?` and `[…]` stand for parts of a name, and `**` for folders of any
// depth.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_tree.h"

namespace edge {

/// The pattern that this one path matches.
std::string literal_pattern(std::string_view path);

/// Immutable, so any thread may use it.
class PathPattern {
 public:
  /// There is no escape character; `[*]` is a star. Wildcards do not match a leading dot, and `**` enters neither links
  /// nor what FileTree leaves out.
  explicit PathPattern(std::string text);

  const std::string& text() const { return text_; }

  /// Adds what matches at present. A folder that matches stands for everything beneath it.
  void find(FileTree& to) const { find_from("", 0, to); }

 private:
  void find_from(std::string folder, std::size_t part, FileTree& to) const;
  void find_at_any_depth(const std::string& folder, std::size_t part, FileTree& to) const;

  std::string text_;
  std::vector<std::string> parts_;  // between the slashes
};

}  // namespace edge
