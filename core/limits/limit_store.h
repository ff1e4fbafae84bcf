// LimitStore: where limits count. Every call answers at once, from any thread: a store that shares its counts with
// other machines goes by what it knows of them.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/keyed_hash.h"
#include "core/limits/limit_settings.h"

namespace edge {

/// A key that was counted, for what comes later of the same request.
using LimitTicket = KeyedHash::Digest;

class LimitStore {
 public:
  struct Passage {
    bool passes = true;
    std::uint64_t wait = 0;  // microseconds: if it passes, until its turn at the even rate; else until one would pass
    LimitTicket ticket;
  };
  enum class Entry : std::uint8_t {
    entered,
    full,      // so many are inside as may be
    no_place,  // the store has no memory for another key: not counted, and to be let in
  };

  virtual ~LimitStore() = default;

  /// Counts one request of `key` against `rate`, unless it comes too early. `key`: a limit's zone and a request's
  /// value. `now`: microseconds of a monotonic clock.
  virtual Passage pass(std::string_view key, const RequestRate& rate, std::uint64_t now) = 0;
  /// Takes back what pass() counted.
  virtual void give_back(const LimitTicket& ticket, const RequestRate& rate) = 0;

  /// Counts one more inside, if fewer than `most` are. `key` and `now` as above.
  virtual Entry enter(std::string_view key, std::uint32_t most, std::uint64_t now, LimitTicket& ticket) = 0;
  /// For each that has entered, once.
  virtual void leave(const LimitTicket& ticket) = 0;
};

}  // namespace edge
