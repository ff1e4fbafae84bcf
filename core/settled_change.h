// SettledChange: makes one change out of a burst of them, by looks at the same files again and again.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_tree.h"

namespace edge {

/// Belongs to one thread.
class SettledChange {
 public:
  /// Takes what the next look found. Returns the first difference that was seen since the files were at rest, as soon
  /// as two looks in a row agree again; else, and when all is as it was before, nothing. The first look is the
  /// beginning.
  std::string take(std::vector<SeenFile> look);

  /// After the first look: there was a change before it. It is told as `what` when the files are at rest.
  void changed_before(std::string what);

  /// The first file of the look before at `path` or below it; empty: there was none.
  std::string_view known_at(const std::string& path) const;

  /// Looks in a row that each found something else than the one before.
  std::size_t restless_looks() const { return restless_looks_; }
  /// The difference that began it; empty: the files are at rest.
  const std::string& begun_by() const { return begun_by_; }

 private:
  bool begun_ = false;
  bool knows_rest_ = true;  // else at_rest_ may be what a change has left
  std::vector<SeenFile> at_rest_;
  std::vector<SeenFile> latest_;  // while they are not at rest
  std::string begun_by_;
  std::size_t restless_looks_ = 0;
};

}  // namespace edge
