// Keeping clients out, and counting what they get.
#include "core/http/client_guard.h"

#include <fmt/format.h>

#include <utility>

#include "core/log.h"

namespace edge {

void ClientGuard::closed(const Address& client, std::uint64_t now) {
  post_.closed.fetch_add(1, std::memory_order_relaxed);
  tell("a connection is closed unread", client, now);
}

void ClientGuard::refused(const Address& client, std::string_view host, std::uint64_t now) {
  post_.refused.fetch_add(1, std::memory_order_relaxed);
  std::string what = "a request for ";
  what.append(host.empty() ? "no host" : host).append(" is not served");
  tell(what, client, now);
}

void ClientGuard::ended(const Address& client, std::string_view host, std::uint64_t now) {
  std::string what = "a tunnel through ";
  what.append(host.empty() ? "no host" : host).append(" ends");
  tell(what, client, now);
}

void ClientGuard::tell(std::string_view what, const Address& client, std::uint64_t now) {
  if (!pace_.lets_pass(now)) {
    ++untold_;
    return;
  }
  char ip[46];
  const std::uint64_t more = std::exchange(untold_, 0);
  log::info("{}: {} is {}{}", what, client.ip_text(ip), bans(client) ? "banned" : "denied",
            more == 0 ? std::string() : fmt::format(" (and {} more since the last such line)", more));
}

void ClientGuard::answered(const Address& client, int status, const std::vector<BanRule>& rules, std::uint64_t now) {
  if (client.family == Address::Family::none || !post_.ban || bans(client)) return;
  for (const BanRule& rule : rules) {
    if (status < rule.first_status || status > rule.last_status) continue;
    if (post_.strikes.strike(client, rule.strikes, now)) post_.ban(client, rule);
  }
}

}  // namespace edge
