// Requests to the control socket: told apart, carried out, answered.
#include "cmd/control_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <coroutine>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cmd/ban_query.h"
#include "cmd/control_json.h"
#include "core/nearest.h"

namespace edge {
namespace {

constexpr std::array<std::string_view, 8> kPaths = {"/status", "/reload", "/reopen", "/upgrade",
                                                    "/stop",   "/bans",   "/ban",    "/unban"};  // as Action counts
constexpr std::array<std::string_view, 2> kAppPaths = {"/restart", "/rollback"};
constexpr std::string_view kApps = "/apps/";

/// Waits for one answer of the target, or until the client has gone: then there is none.
template <class Value>
class Wait final : private Cancellation::Waiter {
 public:
  explicit Wait(Cancellation& cancellation) : cancellation_(cancellation) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  ~Wait() { state_->waiting = nullptr; }

  /// To be called at most once; also when nobody waits any more.
  ControlTarget::Answer<Value> answer() {
    return [state = state_](Value value) {
      state->value = std::move(value);
      if (state->waiting) state->waiting->answered();
    };
  }

  bool await_ready() const noexcept { return state_->value || cancellation_.requested(); }
  void await_suspend(std::coroutine_handle<> awaiter) {
    awaiter_ = awaiter;
    state_->waiting = this;
    cancellation_.enter(*this);
  }
  std::optional<Value> await_resume() { return std::move(state_->value); }

 private:
  struct State {
    std::optional<Value> value;
    Wait* waiting = nullptr;
  };
  void answered() {
    state_->waiting = nullptr;
    cancellation_.leave();
    awaiter_.resume();
  }
  void cancel() override {
    state_->waiting = nullptr;
    awaiter_.resume();
  }

  Cancellation& cancellation_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::coroutine_handle<> awaiter_;
};

struct Done {
  bool ok = true;
};

std::string json_text(const Done& done) {
  return edge::json_text(nlohmann::ordered_json{{"ok", done.ok}});
}

constexpr bool succeeded(const ServiceStatus&) {
  return true;
}
constexpr bool succeeded(const auto& result) {
  return result.ok;
}

Response json_response(Request& request, int status, std::string_view text) {
  Response response(request.arena, status);
  response.headers.add(HeaderName::content_type, "application/json");
  response.headers.add(HeaderName::cache_control, "no-store");
  response.body = request.arena.copy(text);
  return response;
}

Task<Response> refuse(Request& request, int status, const nlohmann::ordered_json& document,
                      std::string_view allow = {}) {
  Response response = json_response(request, status, edge::json_text(document));
  if (!allow.empty()) response.headers.add(HeaderName::allow, allow);
  co_return response;
}

template <class Value>
Task<Response> ask(Request& request, std::move_only_function<void(ControlTarget::Answer<Value>)> start) {
  Wait<Value> wait(request.cancellation);
  start(wait.answer());
  const std::optional<Value> value = co_await wait;
  if (!value) co_return Response::of_error(request.arena, {ErrorKind::closed, Side::client, false, "the client left"});
  co_return json_response(request, succeeded(*value) ? 200 : 422, json_text(*value));
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string meant = nearest(name, views);
  return meant.empty() ? std::string() : fmt::format("; did you mean `{}`?", meant);
}

}  // namespace

std::optional<ControlHandler::Order> ControlHandler::order_of(std::string_view path) {
  if (const auto* found = std::ranges::find(kPaths, path); found != kPaths.end()) {
    return Order{static_cast<Action>(found - kPaths.begin()), {}, {}};
  }
  if (!path.starts_with(kApps)) return std::nullopt;
  for (const std::string_view end : kAppPaths) {
    if (!path.ends_with(end) || path.size() <= kApps.size() + end.size()) continue;
    const Action action = end == kAppPaths[0] ? Action::restart : Action::rollback;
    return Order{action, std::string(path.substr(kApps.size(), path.size() - kApps.size() - end.size())), {}};
  }
  return std::nullopt;
}

Task<Response> ControlHandler::handle(Request& request) {
  std::optional<Order> order = order_of(request.path);
  if (!order) {
    std::vector<std::string> known(kPaths.begin(), kPaths.end());
    const std::string hint = did_you_mean(request.path, known);
    for (const std::string_view end : kAppPaths) known.push_back(fmt::format("{}NAME{}", kApps, end));
    return refuse(request, 404, {{"error", fmt::format("there is no {}{}", request.path, hint)}, {"known", known}});
  }
  const bool reads = order->action == Action::status || order->action == Action::bans;
  if (reads ? request.method != Method::get && request.method != Method::head : request.method != Method::post) {
    const std::string_view allow = reads ? "GET, HEAD" : "POST";
    return refuse(request, 405, {{"error", fmt::format("{} takes {}", request.path, allow)}}, allow);
  }
  if (const std::optional<std::string> error = unknown_app(*order)) {
    return refuse(request, 404, {{"error", *error}, {"known", target_.apps()}});
  }
  if (order->action == Action::ban || order->action == Action::unban) {
    Result<BanOrder> read = read_ban_query(request.query);
    if (!read) return refuse(request, 400, {{"error", read.error().context}});
    order->ban = std::move(*read);
  }
  return carry_out(request, *order);
}

std::optional<std::string> ControlHandler::unknown_app(const Order& order) {
  if (order.app.empty()) return std::nullopt;
  const std::vector<std::string> known = target_.apps();
  if (std::ranges::find(known, order.app) != known.end()) return std::nullopt;
  const std::string hint = did_you_mean(order.app, known);
  const std::string rather =
      known.empty() ? "; this edge has no apps" : fmt::format("; there is {}", fmt::join(known, ", "));
  return fmt::format("there is no app `{}`{}", order.app, hint.empty() ? rather : hint);
}

Task<Response> ControlHandler::carry_out(Request& request, const Order& order) {
  switch (order.action) {
    case Action::status:
      return ask<ServiceStatus>(request, [this](auto done) { target_.status(std::move(done)); });
    case Action::reload:
      return ask<ReloadReport>(request, [this](auto done) { target_.reload(std::move(done)); });
    case Action::restart:
      return ask<SwapResult>(request, [this, &order](auto done) { target_.restart(order.app, std::move(done)); });
    case Action::rollback:
      return ask<SwapResult>(request, [this, &order](auto done) { target_.rollback(order.app, std::move(done)); });
    case Action::reopen:
      return ask<ReopenReport>(request, [this](auto done) { target_.reopen(std::move(done)); });
    case Action::upgrade:
      return ask<UpgradeReport>(request, [this](auto done) { target_.upgrade(std::move(done)); });
    case Action::bans:
      return ask<BansReport>(request, [this](auto done) { target_.bans(std::move(done)); });
    case Action::ban:
      return ask<BanReport>(request, [this, &order](auto done) { target_.ban(order.ban, std::move(done)); });
    case Action::unban:
      return ask<BanReport>(request, [this, &order](auto done) { target_.unban(order.ban.range, std::move(done)); });
    case Action::stop:
      return ask<Done>(request, [this](auto done) {
        done({});
        target_.stop();
      });
  }
  std::unreachable();
}

}  // namespace edge
