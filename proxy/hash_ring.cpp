// The points of a ring, and where a key falls.
#include "proxy/hash_ring.h"

#include <algorithm>

#include "core/keyed_hash.h"

namespace edge {
namespace {

constexpr std::uint64_t kPointsOfAWeight = 160;
constexpr std::uint64_t kMostPoints = 200'000;
constexpr HashKey kKnown{};  // edges must agree, and a client that would crowd one server can send one key

std::uint32_t upper(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32U);
}

}  // namespace

HashRing::HashRing(const std::vector<Place>& places) : places_(places.size()) {
  std::uint64_t total = 0;
  for (const Place& place : places) total += kPointsOfAWeight * place.weight;
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::uint64_t count = kPointsOfAWeight * places[i].weight;
    if (total > kMostPoints) count = std::max<std::uint64_t>(count * kMostPoints / total, 1);
    for (std::uint64_t point = 0; point < count; ++point) {
      const std::uint64_t hash = keyed_hash(kKnown, places[i].name + '-' + std::to_string(point));
      points_.push_back({.at = upper(hash), .place = static_cast<std::uint32_t>(i)});
    }
  }
  const auto before = [&places](const Point& a, const Point& b) {
    return a.at != b.at ? a.at < b.at : places[a.place].name < places[b.place].name;
  };
  std::ranges::sort(points_, before);
}

std::size_t HashRing::first_behind(std::string_view key) const {
  const std::uint32_t at = upper(keyed_hash(kKnown, key));
  const auto found = std::ranges::lower_bound(points_, at, {}, &Point::at);
  return static_cast<std::size_t>(found - points_.begin());
}

}  // namespace edge
