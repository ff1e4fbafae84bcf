// ClientGuard: who is banned from every site of one loop, and who earns a ban; counts and tells of those kept out.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/address_set.h"
#include "core/duration.h"
#include "core/log_pace.h"
#include "core/strike_table.h"

namespace edge {

/// So many answers of some statuses within a while earn a ban.
struct BanRule {
  std::string text;  // "20 x 401 in 1m"
  int first_status = 0;
  int last_status = 0;  // inclusive
  StrikeTable::Rule strikes;
  Milliseconds duration{0};  // of the ban
};

/// What the guards of all loops share. Outlives them.
struct GuardPost {
  StrikeTable strikes;
  /// Called on the thread of a loop. Null: nobody bans.
  std::function<void(const Address& client, const BanRule& rule)> ban;
  std::atomic<std::uint64_t> closed{0};   // connections, before a byte was read
  std::atomic<std::uint64_t> refused{0};  // requests
};

/// Everything on its loop's thread. Outlives the routers that name it.
class ClientGuard {
 public:
  explicit ClientGuard(GuardPost& post) : post_(post) {}

  /// Null: nobody is banned.
  void renew(std::shared_ptr<const AddressSet> banned) { banned_ = std::move(banned); }
  bool bans(const Address& client) const { return banned_ && banned_->contains(client); }

  /// A connection is closed unread. `now`: Loop::now().
  void closed(const Address& client, std::uint64_t now);
  /// A request of `client` is not served: it is closed or answered with a 403.
  void refused(const Address& client, std::string_view host, std::uint64_t now);
  /// The tunnel of `client`, who is banned by now, ends.
  void ended(const Address& client, std::string_view host, std::uint64_t now);
  /// An answer of that status went out to a client that may be banned for it.
  void answered(const Address& client, int status, const std::vector<BanRule>& rules, std::uint64_t now);

 private:
  void tell(std::string_view what, const Address& client, std::uint64_t now);

  GuardPost& post_;
  std::shared_ptr<const AddressSet> banned_;
  LogPace pace_;
  std::uint64_t untold_ = 0;  // since the last line
};

}  // namespace edge
