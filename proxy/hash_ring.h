// HashRing: consistent hashing. A server that goes takes only its own keys with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace edge {

/// Immutable, shared by loops. The same servers make the same ring in every edge, so that several before the same
/// caches agree.
class HashRing {
 public:
  struct Place {
    std::string name;  // decides where on the ring
    std::uint32_t weight = 1;
  };

  HashRing() = default;
  /// 160 points for each unit of weight, or fewer where that would be more than 200,000 in all.
  explicit HashRing(const std::vector<Place>& places);

  bool empty() const { return points_.empty(); }
  std::size_t size() const { return points_.size(); }

  /// The index of the first place at or behind the key's point which `accepts`; the number of places when none does.
  /// At most one round.
  template <class Accepts>
  std::size_t find(std::string_view key, Accepts accepts) const {
    const std::size_t first = first_behind(key);
    for (std::size_t step = 0; step < points_.size(); ++step) {
      const Point& point = points_[(first + step) % points_.size()];
      if (accepts(std::size_t{point.place})) return point.place;
    }
    return places_;
  }

 private:
  struct Point {
    std::uint32_t at;
    std::uint32_t place;
  };
  std::size_t first_behind(std::string_view key) const;

  std::vector<Point> points_;  // sorted
  std::size_t places_ = 0;
};

}  // namespace edge
