// Server: one address of a configured server, as all loops see it: how many are at it, how it does, whether it rests.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.h"
#include "core/duration.h"
#include "core/result.h"

namespace edge {

/// Where a server listens.
struct ServerAddress {
  Address address{};        // family none: unix_path
  std::string unix_path{};  // absolute

  /// "10.0.0.5:8000" or "unix:/run/app.sock".
  std::string text() const { return unix_path.empty() ? address.text() : "unix:" + unix_path; }
  bool operator==(const ServerAddress&) const = default;
};

/// When a server that fails requests is left alone (passive health).
struct EjectSettings {
  std::uint32_t failures = 3;     // in a row; 0: never
  Milliseconds duration{10'000};  // doubles up to 8 times that when it fails again soon after
};

/// Whether requests may go to a server.
enum class Standing : std::uint8_t {
  up,
  trial_due,  // its rest is over: one request may try it
  ejected,    // it rests, or a request is trying it
  held_down,  // by the active health check: never
};

/// What came of asking for a place.
enum class Entry : std::uint8_t {
  taken,
  full,     // as many as may have one
  resting,  // another request was faster to try it
};

/// Shared by all loops, from any thread, without locks but for past failures and idle counts: each figure is right on
/// its own, several together may be of different moments. Times are milliseconds of Loop::now(), the same clock on
/// every loop. Requests come through a ServerUse (server_use.h), which calls what changes the counts.
class Server {
 public:
  /// `upstream`: the name of the upstream, for the log. `url`: as it is configured. `up_since`: now, for a server that
  /// joins others and is to start slowly; else 0.
  Server(std::string upstream, std::string url, ServerAddress at, std::uint64_t up_since = 0);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Never given to another server in the life of the process.
  std::uint64_t number() const { return number_; }
  const std::string& upstream() const { return upstream_; }
  const std::string& url() const { return url_; }
  const ServerAddress& at() const { return at_; }
  /// "10.0.0.5:8000": for the log, `edge status` and $upstream_addr.
  const std::string& name() const { return name_; }

  Standing standing(std::uint64_t now) const;
  /// Thousandths of its weight that it gets: less than 1000 for `slow_start` after it came (back). At least 20.
  std::uint32_t share(std::uint64_t now, Milliseconds slow_start) const;
  /// Moving average of the time until an answer's head; 0: not known. Fades while nothing is sent there, so that a
  /// server which was slow once is tried again.
  Microseconds latency(std::uint64_t now) const;

  std::uint32_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  std::uint64_t served() const { return served_.load(std::memory_order_relaxed); }
  std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  std::uint32_t failures_in_a_row() const { return failures_in_a_row_.load(std::memory_order_relaxed); }
  /// Of the last failure.
  ErrorKind last_failure() const { return last_failure_.load(std::memory_order_relaxed); }
  /// When its rest is over, for one that is ejected; else 0.
  std::uint64_t ejected_until() const;

  /// Takes a place for one request, when fewer than `most` (0: no bound) have one. The first after its rest tries it;
  /// when that brings no outcome, the next may after `trial`. With `regardless` also others get in while it rests.
  Entry enter(std::uint64_t now, std::uint32_t most, Milliseconds trial, bool regardless);
  void leave() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }
  /// An answer's head came, `latency` after the request was sent. `began`: when the place was taken; a request from
  /// before the last change of standing says nothing about the present.
  /// True: with that its rest is over, and all may come again.
  bool note_success(std::uint64_t began, std::uint64_t now, Microseconds latency);
  void note_failure(std::uint64_t began, std::uint64_t now, const EjectSettings& settings, ErrorKind why);

  /// What went wrong at last, in words.
  struct PastFailure {
    std::int64_t at = 0;  // seconds since the epoch; 0: nothing has
    std::string text{};
  };
  void keep_failure(std::int64_t at, std::string_view text);
  PastFailure past_failure() const;

  /// How many connections to it rest on one loop. Only that loop changes it, so that it costs no more than a store.
  using IdleCount = std::atomic<std::uint32_t>;
  /// For a loop, until that lets go of it.
  std::shared_ptr<IdleCount> add_idle_count() const;
  /// On all loops.
  std::uint32_t idle() const;

  /// By the active health check. What is let up starts slowly and is no longer ejected.
  void hold_down() { held_down_.store(true, std::memory_order_relaxed); }
  void let_up(std::uint64_t now);
  bool is_held_down() const { return held_down_.load(std::memory_order_relaxed); }

 private:
  /// In one word, so that a change is one compare-and-exchange.
  struct Passive {
    enum State : std::uint8_t { up, resting, on_trial };
    State state = up;
    std::uint8_t level = 0;  // how often the last rest was doubled
    std::uint64_t time = 0;  // up: since when, 0 from the start; else when the next request may try

    static Passive unpack(std::uint64_t word);
    std::uint64_t pack() const;
  };
  Passive passive() const { return Passive::unpack(passive_.load(std::memory_order_relaxed)); }
  bool change(Passive from, Passive to, std::uint64_t now);
  void rest(Passive from, std::uint8_t level, std::uint64_t now, const EjectSettings& settings, ErrorKind why);
  bool take_place(std::uint32_t most);

  const std::uint64_t number_;
  const std::string upstream_;
  const std::string url_;
  const ServerAddress at_;
  const std::string name_;

  alignas(64) std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::uint32_t> failures_in_a_row_{0};
  std::atomic<std::uint64_t> served_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> passive_;
  std::atomic<std::uint64_t> changed_at_{0};
  std::atomic<std::uint64_t> latency_{0};     // microseconds
  std::atomic<std::uint64_t> latency_at_{0};  // of the last answer
  std::atomic<ErrorKind> last_failure_{ErrorKind::bad_gateway};
  std::atomic<bool> held_down_{false};
  mutable std::mutex past_lock_;  // never held but to copy the next
  PastFailure past_failure_;
  mutable std::mutex idle_lock_;  // never held but to see to the next
  mutable std::vector<std::weak_ptr<const IdleCount>> idle_counts_;
};

/// "timed out", "refused, broke off or spoke nonsense": what a failure's kind means of a server.
std::string_view failure_text(ErrorKind kind);

}  // namespace edge
