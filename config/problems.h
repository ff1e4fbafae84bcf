// Problems: everything that is found wrong while a configuration is loaded, to be shown in one go.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "config/load.h"

namespace edge::config {

class Problems {
 public:
  /// Tells the order of files: those opened first come first in sorted().
  void opened(const std::string& file) { files_.push_back(file); }
  void add(Place place, std::string path, std::string message);
  /// Drops what is added later about exactly this place: it follows from a problem that is known.
  void silence(const Place& place) { silenced_.insert(place.text()); }
  bool empty() const { return problems_.empty(); }
  std::size_t size() const { return problems_.size(); }
  /// By file, line and column; at one place in the order found.
  std::vector<Problem> sorted() const;

 private:
  std::vector<std::string> files_;
  std::vector<Problem> problems_;
  std::set<std::string> silenced_;  // places as text
};

/// `text` in backticks for a message: control bytes escaped, a long one cut.
std::string quoted(std::string_view text);
/// The same; without it std::quoted() would be found for strings.
inline std::string quoted(const std::string& text) {
  return quoted(std::string_view(text));
}

}  // namespace edge::config
