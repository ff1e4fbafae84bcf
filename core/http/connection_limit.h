// ConnectionLimit: counts the connections of all loops against edge.max_connections, and finds places that are idle.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace edge {

class Door;

/// Any thread. Outlives its doors.
class ConnectionLimit {
 public:
  std::atomic<std::uint64_t> most{20'000};
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> serial{0};

  bool is_reached() const { return open.load(std::memory_order_relaxed) >= most.load(std::memory_order_relaxed); }
  /// A reload has lowered the limit, or somebody was let in whatever it says.
  bool is_exceeded() const { return open.load(std::memory_order_relaxed) > most.load(std::memory_order_relaxed); }
  /// A place for one connection more. False: there is none.
  bool take_place() {
    std::uint64_t now = open.load(std::memory_order_relaxed);
    while (now < most.load(std::memory_order_relaxed)) {
      if (open.compare_exchange_weak(now, now + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  /// One that is taken whatever the limit says.
  void add_place() { open.fetch_add(1, std::memory_order_relaxed); }
  void return_place() { open.fetch_sub(1, std::memory_order_relaxed); }

  /// Of its whole life, on its loop's thread or while that does not run.
  void join(Door& door);
  void leave(Door& door);
  /// The other loops are asked in turn until one has closed an idle connection.
  void ask_others(Door& door);

 private:
  /// Outlives its door, for what is posted to the loop.
  struct Member {
    Door* door;  // null: it has left; for the loop's thread
  };
  using Members = std::vector<std::shared_ptr<Member>>;
  Members::iterator find(const Door& door);
  void ask_behind(const std::shared_ptr<Member>& last, const std::shared_ptr<Member>& asking);

  std::mutex mutex_;
  Members members_;  // guarded by mutex_
};

}  // namespace edge
