// Copying ahead, and handing out what was copied first.
#include "core/http/replayed_body.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace edge {

Task<Result<std::string_view>> ReplayedBody::read_ahead(std::uint32_t most, Arena& arena) {
  const std::uint64_t room = std::min<std::uint64_t>(most, from_.length().value_or(most));
  char* const begin = arena.allocate_chars(room);
  std::size_t size = 0;
  while (size < room) {
    const Result<std::string_view> piece = co_await from_.read();
    if (!piece) co_return piece;
    if (piece->empty()) {
      ended_ = true;
      break;
    }
    const std::size_t taken = std::min<std::size_t>(piece->size(), room - size);
    std::memcpy(begin + size, piece->data(), taken);
    size += taken;
    rest_ = piece->substr(taken);
  }
  ahead_ = {begin, size};
  co_return ahead_;
}

Task<Result<std::string_view>> ReplayedBody::read() {
  if (!ahead_.empty()) co_return std::exchange(ahead_, {});
  if (!rest_.empty()) co_return std::exchange(rest_, {});
  if (ended_) co_return std::string_view();
  const Result<std::string_view> piece = co_await from_.read();
  co_return piece;
}

}  // namespace edge
