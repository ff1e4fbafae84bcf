// MemoryLimitStore: the counts of this process, in memory that is bounded and never grows: sets of eight places, of
// which a key has one set. A new key takes an empty place of it, or that which was drained first.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "core/keyed_hash.h"
#include "core/limits/limit_store.h"
#include "core/log_pace.h"
#include "core/result.h"

namespace edge {

/// Shared by all threads. A call holds one of many locks for some nanoseconds, and allocates nothing.
class MemoryLimitStore final : public LimitStore {
 public:
  /// `memory`: bytes, of which the kernel gives a page when it is first used; 32 for each key. Error: there is not so
  /// much.
  static Result<std::unique_ptr<MemoryLimitStore>> make(std::uint64_t memory);

  Passage pass(std::string_view key, const RequestRate& rate, std::uint64_t now) override;
  void give_back(const LimitTicket& ticket, const RequestRate& rate) override;
  Entry enter(std::string_view key, std::uint32_t most, std::uint64_t now, LimitTicket& ticket) override;
  void leave(const LimitTicket& ticket) override;

  /// How often a key that still counted was forgotten for another, or found no place: memory is short.
  std::uint64_t forgotten() const { return forgotten_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kPlaces = 8;
  static constexpr std::size_t kLocks = 64;

  /// All zero: empty.
  struct Place {
    LimitTicket id;
    std::uint64_t due;     // microseconds: when its bucket is drained
    std::uint64_t inside;  // requests under way, which keep the place
  };
  struct Set {
    std::array<Place, kPlaces> places;
  };
  struct alignas(64) Lock {
    std::mutex mutex;
  };
  struct Unmap {
    std::size_t bytes;
    void operator()(Set* sets) const;
  };
  using Sets = std::unique_ptr<Set[], Unmap>;

  MemoryLimitStore(Sets sets, std::size_t count) : sets_(std::move(sets)), mask_(count - 1) {}
  std::mutex& lock_of(const LimitTicket& id) { return locks_[(id.first & mask_) % kLocks].mutex; }
  Place* find(const LimitTicket& id);
  void forget(std::uint64_t now);
  Place* take_place(const LimitTicket& id, std::uint64_t now);
  Place* place_of(const LimitTicket& id, std::uint64_t now);

  KeyedHash hash_;
  Sets sets_;
  std::size_t mask_;  // of the number of sets, a power of two
  std::array<Lock, kLocks> locks_;
  std::atomic<std::uint64_t> forgotten_{0};
  SharedLogPace lines_;
};

}  // namespace edge
