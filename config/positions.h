// Positions: from the parser's marks to places in one text.
#pragma once

#include <yaml-cpp/mark.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "config/snapshot.h"

namespace edge::config {

/// `text` is valid UTF-8 without a byte order mark, as the parser sees it, and outlives this.
class Positions {
 public:
  Positions(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  std::string_view text() const { return text_; }
  Place whole_file() const { return {file_, 0, 0}; }

  /// Columns count characters. Cheap for marks that come in their order, also in a file of one long line.
  Place place(const YAML::Mark& mark);
  Place place(std::size_t offset) const;

  /// Columns from `mark` to the first character of `value`, or -1; see Node::lead.
  int lead(const YAML::Mark& mark, std::string_view value) const;
  /// False for a quoted scalar that reaches the end of the file, which yaml-cpp lets pass.
  bool quote_is_closed(const YAML::Mark& mark) const;
  bool indented_with_tab(const YAML::Mark& mark) const;

 private:
  std::string_view text_;
  std::string file_;
  std::size_t line_begin_ = 0;  // of the mark asked for last
  std::size_t counted_to_ = 0;  // where counting its line goes on
  std::size_t characters_ = 0;  // between the two
};

}  // namespace edge::config
