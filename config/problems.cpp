// Places and problems as text, and their order.
#include "config/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

namespace edge::config {

std::string Place::text() const {
  return line > 0 ? fmt::format("{}:{}:{}", file, line, column) : file;
}

std::string Problem::text() const {
  return path.empty() ? fmt::format("{}: {}", place.text(), message)
                      : fmt::format("{}: {}: {}", place.text(), path, message);
}

void Problems::add(Place place, std::string path, std::string message) {
  if (silenced_.contains(place.text())) return;
  problems_.push_back({std::move(place), std::move(path), std::move(message)});
}

std::vector<Problem> Problems::sorted() const {
  using Rank = std::tuple<std::ptrdiff_t, int, int, std::size_t>;  // file, line, column, number
  std::vector<Rank> order;
  for (const Problem& problem : problems_) {
    const auto file = std::find(files_.begin(), files_.end(), problem.place.file);
    order.emplace_back(file - files_.begin(), problem.place.line, problem.place.column, order.size());
  }
  std::sort(order.begin(), order.end());
  std::vector<Problem> result;
  for (const Rank& rank : order) result.push_back(problems_[std::get<3>(rank)]);
  return result;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kMostBytes = 200;
  std::string shown = "`";
  for (const char c : text) {
    if (shown.size() > kMostBytes && (c & 0xc0) != 0x80) {
      shown += "…";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\n')
      shown += "\\n";
    else if (byte < 0x20 || byte == 0x7f)
      shown += fmt::format("\\x{:02x}", byte);
    else
      shown += c;
  }
  return shown + "`";
}

}  // namespace edge::config
