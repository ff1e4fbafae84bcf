// Escaping, cutting and aligning.
#include "cmd/table_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/escape.h"

namespace edge {

std::string shown(std::string_view text, std::size_t most) {
  std::string safe;
  append_printable(text, safe);
  std::ranges::replace(safe, '\t', ' ');
  std::string_view rest = safe;
  std::size_t characters = 0;
  std::size_t cut = 0;
  while (!rest.empty()) {
    if (characters + 1 == most) cut = safe.size() - rest.size();
    if (++characters > most) return safe.substr(0, cut) + "…";
    rest.remove_prefix(std::max<std::size_t>(1, utf8_character(rest)));
  }
  return safe;
}

std::string plural(std::uint64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string table_row(std::span<const std::string> cells, std::span<const TableColumn> columns) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    line += kTableGap;
    line += columns[i].is_number ? fmt::format("{:>{}}", cells[i], columns[i].width)
                                 : fmt::format("{:<{}}", cells[i], columns[i].width);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace edge
