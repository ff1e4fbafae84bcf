// Document: YAML text as a tree with positions. Nobody but this and its positions knows yaml-cpp.
//
// YAML 1.2 as yaml-cpp reads it, less what a configuration has no use for: one document a file, keys are text, no
// tags. Anchors and aliases are shared, not copied; what they would expand to is bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/problems.h"

namespace edge::config {

struct Node;
using NodePtr = std::shared_ptr<const Node>;

struct Entry {
  std::string key;
  Place place;  // of the key
  NodePtr value;
};

struct Node {
  enum class Kind : std::uint8_t { null, scalar, list, map };

  Kind kind = Kind::null;
  Place place;       // of the first character; of a null its key's
  std::string text;  // of a scalar, with the environment substituted
  /// Columns from `place` to the first character of `text` when the text stands in the file as it is (1 inside
  /// quotes); -1 when it does not (escapes, several lines, substitution).
  int lead = -1;
  std::vector<NodePtr> items;
  std::vector<Entry> entries;  // in the order written; no key twice

  const Entry* find_entry(std::string_view key) const;
  /// Where the byte at `offset` of `text` stands, or `place` when that cannot be told.
  Place place_in_text(std::size_t offset) const;
};

inline constexpr std::size_t kMostDocumentBytes = 1 << 20;
inline constexpr std::size_t kMostDocumentNodes = 100'000;  // aliases counted as often as they are used
inline constexpr std::size_t kMostDocumentDepth = 64;

/// The tree of `text`; null when it cannot be parsed at all. `file` is how places name it. Everything that is wrong,
/// a variable that is not set and a key given twice included, is added to `problems`.
NodePtr parse_document(const std::string& text, const std::string& file, const Environment& environment,
                       Problems& problems);

/// "apps.blog" and "queue" make "apps.blog.queue"; a key that holds a dot or a space is quoted: `headers."a b"`.
std::string key_path(const std::string& parent, const std::string& key);
std::string item_path(const std::string& parent, std::size_t index);

}  // namespace edge::config
