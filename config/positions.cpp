// Places in a text, and what stands there.
#include "config/positions.h"

#include <algorithm>

#include "config/utf8.h"

namespace edge::config {

Place Positions::place(const YAML::Mark& mark) {
  if (mark.is_null()) return whole_file();
  const auto bytes = static_cast<std::size_t>(mark.column);
  const auto offset = static_cast<std::size_t>(mark.pos);
  if (offset < bytes || offset > text_.size()) return {file_, mark.line + 1, mark.column + 1};
  if (offset - bytes != line_begin_ || offset < counted_to_) {
    line_begin_ = counted_to_ = offset - bytes;
    characters_ = 0;
  }
  characters_ += count_characters(text_.substr(counted_to_, offset - counted_to_));
  counted_to_ = offset;
  return {file_, mark.line + 1, static_cast<int>(characters_) + 1};
}

Place Positions::place(std::size_t offset) const {
  const std::string_view before = text_.substr(0, offset);
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0: the first line
  return {file_, static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(count_characters(before.substr(line_begin))) + 1};
}

int Positions::lead(const YAML::Mark& mark, std::string_view value) const {
  if (mark.is_null() || value.find('\n') != std::string_view::npos) return -1;
  const std::string_view here = text_.substr(std::min(static_cast<std::size_t>(mark.pos), text_.size()));
  if (here.starts_with(value)) return 0;
  const bool in_quotes = here.starts_with('"') || here.starts_with('\'');
  return in_quotes && here.substr(1).starts_with(value) ? 1 : -1;
}

bool Positions::quote_is_closed(const YAML::Mark& mark) const {
  if (mark.is_null() || static_cast<std::size_t>(mark.pos) >= text_.size()) return true;
  const std::string_view here = text_.substr(static_cast<std::size_t>(mark.pos));
  const char quote = here.front();
  if (quote != '"' && quote != '\'') return true;
  std::size_t at = 1;
  while (at < here.size()) {
    const bool escapes = quote == '"' ? here[at] == '\\' : here.substr(at).starts_with("''");
    if (!escapes && here[at] == quote) return true;
    at += escapes ? 2 : 1;
  }
  return false;
}

bool Positions::indented_with_tab(const YAML::Mark& mark) const {
  if (mark.is_null() || static_cast<std::size_t>(mark.pos) > text_.size()) return false;
  const std::size_t offset = static_cast<std::size_t>(mark.pos);
  const std::size_t line_begin = offset == 0 ? 0 : text_.rfind('\n', offset - 1) + 1;
  const std::string_view line = text_.substr(line_begin);
  return line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

}  // namespace edge::config
