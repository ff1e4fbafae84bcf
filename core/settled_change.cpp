// Comparing each look with the last one, and at rest with the last rest.
#include "core/settled_change.h"

#include <algorithm>
#include <utility>

namespace edge {

std::string SettledChange::take(std::vector<SeenFile> look) {
  if (!begun_) {
    begun_ = true;
    at_rest_ = std::move(look);
    return {};
  }
  const bool was_at_rest = begun_by_.empty();
  std::string difference = first_difference(was_at_rest ? at_rest_ : latest_, look);
  if (!difference.empty()) {
    if (was_at_rest) begun_by_ = std::move(difference);
    latest_ = std::move(look);
    ++restless_looks_;
    return {};
  }
  if (was_at_rest) return {};
  restless_looks_ = 0;
  std::string told = std::exchange(begun_by_, {});
  if (std::exchange(knows_rest_, true) && first_difference(at_rest_, look).empty()) told.clear();
  at_rest_ = std::move(look);
  latest_.clear();
  return told;
}

void SettledChange::changed_before(std::string what) {
  begun_by_ = std::move(what);
  latest_ = at_rest_;
  knows_rest_ = false;
}

std::string_view SettledChange::known_at(const std::string& path) const {
  const std::vector<SeenFile>& before = begun_by_.empty() ? at_rest_ : latest_;
  const auto first_from = [&before](const std::string& name) {
    const auto at = std::ranges::lower_bound(before, name, {}, &SeenFile::path);
    return at == before.end() ? std::string_view() : std::string_view(at->path);
  };
  if (const std::string_view file = first_from(path); file == path) return file;
  const std::string folder = path.ends_with('/') ? path : path + '/';
  const std::string_view below = first_from(folder);
  return below.starts_with(folder) ? below : std::string_view();
}

}  // namespace edge
