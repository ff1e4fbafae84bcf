// ControlHandler: what can be asked of a running edge over its control socket, as resources that speak JSON.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cmd/control_target.h"
#include "core/http/handler.h"

namespace edge {

/// GET /status, /bans; POST /ban?address=…&for=MILLISECONDS&why=…, /unban?address=…, /reload, /reopen, /upgrade, /stop,
/// /apps/NAME/restart, /apps/NAME/rollback. An answer waits until what was asked for is done; when the client leaves,
/// that goes on. 200; 422 when it failed, with the same document; else
/// {"error": …}. On the main loop; the target must outlive it.
class ControlHandler final : public Handler {
 public:
  explicit ControlHandler(ControlTarget& target) : target_(target) {}
  Task<Response> handle(Request& request) override;

 private:
  enum class Action : std::uint8_t { status, reload, reopen, upgrade, stop, bans, ban, unban, restart, rollback };
  struct Order {
    Action action;
    std::string app;  // of restart and rollback
    BanOrder ban{};   // of ban and unban
  };
  static std::optional<Order> order_of(std::string_view path);
  Task<Response> carry_out(Request& request, const Order& order);
  std::optional<std::string> unknown_app(const Order& order);

  ControlTarget& target_;
};

}  // namespace edge
