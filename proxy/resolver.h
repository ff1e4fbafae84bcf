// Resolver: keeps the addresses of host names fresh without ever blocking a loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/net/deadline.h"
#include "core/net/loop.h"
#include "core/task.h"
#include "proxy/name_lookup.h"

namespace edge {

class ResolvedName;

/// One for the process, on the main loop. Each look-up has a thread of its own: where no name server answers it may
/// hang for half a minute, and then it holds up neither what else uses the thread pool nor the end of the loop or the
/// process. Names take turns, which bounds the threads; a turn is over when its look-up has really ended.
class Resolver {
 public:
  static constexpr unsigned kMostAtOnce = 8;
  /// After so long a name counts as one that cannot be looked up, while its look-up goes on unheard.
  static constexpr Milliseconds kPatience{10'000};

  explicit Resolver(Loop& main, NameLookup lookup = look_up, Milliseconds patience = kPatience);

 private:
  friend class ResolvedName;
  struct Turns;
  std::shared_ptr<Turns> turns_;
};

/// One name, on the main loop. Looked up at once, and again after `every`; when that fails, after a second, two, four,
/// up to `every`, and the last good addresses stay. Changes are logged (info), failures (warn) when they begin and
/// every ten minutes while they last.
class ResolvedName final : Deadline {
 public:
  /// `upstream`: its name, for the log. `looked_up` runs after each look-up, whatever came of it; the name may be
  /// destroyed in it.
  ResolvedName(Resolver& resolver, std::string upstream, std::string host, Milliseconds every,
               std::move_only_function<void()> looked_up);
  ResolvedName(const ResolvedName&) = delete;
  ResolvedName& operator=(const ResolvedName&) = delete;
  /// At any time: a look-up that is under way ends by itself, without effect.
  ~ResolvedName();

  const std::string& host() const { return host_; }
  /// The last good ones, without ports; empty: there were none yet.
  const std::vector<Address>& addresses() const { return addresses_; }
  /// Whether the first look-up has ended.
  bool is_looked_up() const { return is_looked_up_; }
  /// Why the last look-up failed; empty: it did not.
  const std::string& error() const { return error_; }

 private:
  friend class Resolver;
  struct Wanted;

  void on_deadline() override { look_up_again(); }
  void look_up_again();
  void take(Result<std::vector<Address>> found);
  void take_good(std::vector<Address> found);
  void take_failure(std::string reason);
  std::string address_texts() const;

  std::shared_ptr<Resolver::Turns> turns_;
  const std::string upstream_;
  const std::string host_;
  const Milliseconds every_;
  std::move_only_function<void()> looked_up_;
  std::shared_ptr<Wanted> wanted_;  // waits or is under way
  std::vector<Address> addresses_;
  std::string error_;
  Milliseconds pause_{0};        // after the last failure; 0: there was none
  std::uint64_t warned_at_ = 0;  // of the present failures
  bool is_looked_up_ = false;
};

}  // namespace edge
