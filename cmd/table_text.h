// Text of tables that people read in a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace edge {

/// `text` on one line, harmless to a terminal, in at most `most` characters.
std::string shown(std::string_view text, std::size_t most);

/// "1 request", "2 requests".
std::string plural(std::uint64_t count, std::string_view one);

/// Before each cell of table_row().
inline constexpr std::string_view kTableGap = "  ";

struct TableColumn {
  std::size_t width = 0;
  bool is_number = false;  // ends where its column ends; words begin where it begins
};
/// A line of as many cells as columns, with its end.
std::string table_row(std::span<const std::string> cells, std::span<const TableColumn> columns);

}  // namespace edge
