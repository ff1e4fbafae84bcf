// IntervalTable: which of a million disjoint intervals of numbers holds a number, if any. Immutable, so any thread may
// ask. Few are kept as they are; many stand in 2^16 buckets by the highest bits of their numbers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace edge {

template <class Number>
struct Interval {
  Number first{};
  Number last{};  // inclusive
};

/// Sorts them, and joins those that touch.
template <class Number>
void make_disjoint(std::vector<Interval<Number>>& intervals) {
  std::ranges::sort(intervals, {}, &Interval<Number>::first);
  std::size_t kept = 0;
  for (std::size_t i = 1; i < intervals.size(); ++i) {
    Interval<Number>& before = intervals[kept];
    // Not "last + 1 < first": there may be no number after the last.
    if (intervals[i].first > before.last && intervals[i].first - before.last > 1) {
      intervals[++kept] = intervals[i];
    } else {
      before.last = std::max(before.last, intervals[i].last);
    }
  }
  if (!intervals.empty()) intervals.resize(kept + 1);
  intervals.shrink_to_fit();
}

/// An interval that is in, or taken out of those around it.
template <class Number>
struct Layer {
  Interval<Number> interval;
  bool in = true;
};

/// What is in by the innermost layer that holds it. Any two layers are nested or apart, as networks are; of equal ones
/// the one that is out wins. As make_disjoint() leaves them.
template <class Number>
std::vector<Interval<Number>> flatten(std::vector<Layer<Number>> layers) {
  std::ranges::sort(layers, [](const Layer<Number>& a, const Layer<Number>& b) {
    if (a.interval.first != b.interval.first) return a.interval.first < b.interval.first;
    if (a.interval.last != b.interval.last) return a.interval.last > b.interval.last;
    return a.in && !b.in;
  });
  std::vector<Interval<Number>> intervals;
  std::vector<Layer<Number>> around;  // the present number, from the outermost
  Number begin = 0;                   // of what is not told yet, within the innermost
  const auto leave = [&] {
    const Layer<Number> left = around.back();
    around.pop_back();
    if (left.in && begin <= left.interval.last) intervals.push_back({begin, left.interval.last});
    if (left.interval.last == ~Number{0}) return around.clear();  // nothing comes after that, in those around neither
    begin = std::max<Number>(begin, left.interval.last + 1);
  };
  for (const Layer<Number>& layer : layers) {
    while (!around.empty() && around.back().interval.last < layer.interval.first) leave();
    if (!around.empty() && around.back().in && begin < layer.interval.first) {
      intervals.push_back({begin, layer.interval.first - 1});
    }
    around.push_back(layer);
    begin = layer.interval.first;
  }
  while (!around.empty()) leave();
  make_disjoint(intervals);
  return intervals;
}

/// `Number` is unsigned and wider than 16 bits. `Rest` is what is kept of a number within its bucket: at least all but
/// the highest 16 bits.
template <class Number, class Rest>
class IntervalTable {
 public:
  IntervalTable() = default;
  /// `intervals` as make_disjoint() leaves them; fewer than 2^31.
  explicit IntervalTable(std::vector<Interval<Number>> intervals) {
    if (intervals.size() <= kFew) {
      few_ = std::move(intervals);
    } else {
      fill(intervals);
    }
  }

  bool contains(Number number) const {
    if (begins_.empty()) {
      const auto after = std::ranges::upper_bound(few_, number, {}, &Interval<Number>::first);
      return after != few_.begin() && std::prev(after)->last >= number;
    }
    const std::size_t bucket = bucket_of(number);
    const Rest rest = static_cast<Rest>(number);
    const auto begin = firsts_.begin() + begins_[bucket];
    const auto after = std::upper_bound(begin, firsts_.begin() + begins_[bucket + 1], rest);
    return after != begin && lasts_[static_cast<std::size_t>(after - firsts_.begin()) - 1] >= rest;
  }

  /// What the intervals take, without the object itself.
  std::size_t bytes() const {
    return few_.capacity() * sizeof(Interval<Number>) + begins_.capacity() * sizeof(std::uint32_t) +
           (firsts_.capacity() + lasts_.capacity()) * sizeof(Rest);
  }

 private:
  static constexpr std::size_t kFew = 256;  // 8 comparisons in at most 8 KiB; buckets alone take 256 KiB
  static constexpr std::size_t kBuckets = std::size_t{1} << 16U;
  static constexpr unsigned kShift = sizeof(Number) * 8 - 16;

  static std::size_t bucket_of(Number number) { return static_cast<std::size_t>(number >> kShift); }
  /// The last number of a bucket.
  static Number end_of(std::size_t bucket) {
    return static_cast<Number>((static_cast<Number>(bucket) << kShift) | (~Number{0} >> 16U));
  }

  /// An interval that reaches over several buckets stands in each: at most 2^16 are added so.
  void fill(const std::vector<Interval<Number>>& intervals) {
    std::size_t pieces = 0;
    for (const Interval<Number>& each : intervals) pieces += bucket_of(each.last) - bucket_of(each.first) + 1;
    firsts_.reserve(pieces);
    lasts_.reserve(pieces);
    begins_.reserve(kBuckets + 1);
    for (const Interval<Number>& each : intervals) {
      Number first = each.first;
      for (std::size_t bucket = bucket_of(first); bucket <= bucket_of(each.last); ++bucket) {
        while (begins_.size() <= bucket) begins_.push_back(static_cast<std::uint32_t>(firsts_.size()));
        const Number last = std::min(each.last, end_of(bucket));
        firsts_.push_back(static_cast<Rest>(first));
        lasts_.push_back(static_cast<Rest>(last));
        first = last + 1;  // of the next bucket; unused after the last
      }
    }
    begins_.resize(kBuckets + 1, static_cast<std::uint32_t>(firsts_.size()));
  }

  std::vector<Interval<Number>> few_;
  std::vector<std::uint32_t> begins_;  // of each bucket in firsts_ and lasts_; empty: all are in few_
  std::vector<Rest> firsts_;           // sorted within a bucket
  std::vector<Rest> lasts_;
};

}  // namespace edge
