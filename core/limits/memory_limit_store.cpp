// Buckets as the time when each is drained: one number, which needs no work while nothing comes.
#include "core/limits/memory_limit_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "core/log.h"

namespace edge {

Result<std::unique_ptr<MemoryLimitStore>> MemoryLimitStore::make(std::uint64_t memory) {
  const std::size_t count = std::bit_floor(std::max<std::uint64_t>(memory / sizeof(Set), 1));
  const std::size_t bytes = count * sizeof(Set);
  void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return fail(ErrorKind::internal, Side::ours,
                "edge.limits_memory: the machine does not give so much memory; give less");
  }
  return std::unique_ptr<MemoryLimitStore>(new MemoryLimitStore(Sets(static_cast<Set*>(pages), Unmap{bytes}), count));
}

void MemoryLimitStore::Unmap::operator()(Set* sets) const {
  munmap(sets, bytes);
}

MemoryLimitStore::Place* MemoryLimitStore::find(const LimitTicket& id) {
  for (Place& place : sets_[id.first & mask_].places) {
    if (place.id == id) return &place;
  }
  return nullptr;
}

void MemoryLimitStore::forget(std::uint64_t now) {
  forgotten_.fetch_add(1, std::memory_order_relaxed);
  if (lines_.lets_pass(now / 1'000)) {
    log::warn("limits count more keys than edge.limits_memory has room for, so some are forgotten too early");
  }
}

/// Null when requests are under way in every place of the set.
MemoryLimitStore::Place* MemoryLimitStore::take_place(const LimitTicket& id, std::uint64_t now) {
  Place* oldest = nullptr;
  for (Place& place : sets_[id.first & mask_].places) {
    if (place.inside == 0 && (!oldest || place.due < oldest->due)) oldest = &place;
  }
  if (!oldest || oldest->due > now) forget(now);
  if (oldest) *oldest = {id, 0, 0};
  return oldest;
}

MemoryLimitStore::Place* MemoryLimitStore::place_of(const LimitTicket& id, std::uint64_t now) {
  Place* const known = find(id);
  return known ? known : take_place(id, now);
}

LimitStore::Passage MemoryLimitStore::pass(std::string_view key, const RequestRate& rate, std::uint64_t now) {
  Passage passage{.ticket = hash_(key)};
  const std::scoped_lock lock(lock_of(passage.ticket));
  Place* const place = place_of(passage.ticket, now);
  if (!place) return passage;
  const std::uint64_t most = rate.burst * rate.interval;
  // A rate that a reload has raised holds for a bucket that was filled before.
  place->due = std::clamp(place->due, now, now + most + rate.interval);
  passage.wait = place->due - now;
  if (passage.wait > most) {
    passage.passes = false;
    passage.wait -= most;
  } else {
    place->due += rate.interval;
  }
  return passage;
}

void MemoryLimitStore::give_back(const LimitTicket& ticket, const RequestRate& rate) {
  const std::scoped_lock lock(lock_of(ticket));
  if (Place* const place = find(ticket)) place->due -= std::min(place->due, rate.interval);
}

LimitStore::Entry MemoryLimitStore::enter(std::string_view key, std::uint32_t most, std::uint64_t now,
                                          LimitTicket& ticket) {
  ticket = hash_(key);
  const std::scoped_lock lock(lock_of(ticket));
  Place* const place = place_of(ticket, now);
  if (!place) return Entry::no_place;
  if (place->inside >= most) return Entry::full;
  ++place->inside;
  return Entry::entered;
}

void MemoryLimitStore::leave(const LimitTicket& ticket) {
  const std::scoped_lock lock(lock_of(ticket));
  Place* const place = find(ticket);
  if (place && --place->inside == 0) *place = {};
}

}  // namespace edge
