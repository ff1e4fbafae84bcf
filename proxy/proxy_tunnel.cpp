// Two tasks: one passes on what the client sends, the other passes back what the server sends and decides on the end.
#include "proxy/proxy_tunnel.h"

#include <algorithm>
#include <utility>

#include "core/http/response_writer.h"
#include "core/log.h"

namespace edge {

/// Until the server has sent something or ended, the client has gone, or the tunnel is over.
struct ProxyTunnel::Arrival {
  ProxyTunnel& tunnel;

  bool await_ready() const { return tunnel.over_ || tunnel.request_->cancellation.requested(); }
  void await_suspend(std::coroutine_handle<> receiver) const {
    tunnel.receiver_ = receiver;
    tunnel.request_->cancellation.enter(tunnel);
    tunnel.want_events();
  }
  void await_resume() const {}
};

/// Until the server takes more, or the tunnel is over.
struct ProxyTunnel::Room {
  ProxyTunnel& tunnel;

  bool await_ready() const { return tunnel.over_; }
  void await_suspend(std::coroutine_handle<> sender) const {
    tunnel.sender_ = sender;
    tunnel.want_events();
  }
  void await_resume() const {}
};

Task<Result<void>> ProxyTunnel::run(Request& request, ResponseWriter& to_client) {
  request_ = &request;
  server().observe(this);
  moved();
  Task<void> passing_on = pass_on(request.body);
  Result<void> done = co_await pass_back(to_client);
  end();
  co_await passing_on;
  server().observe(nullptr);
  if (error_) co_return std::unexpected(std::move(*error_));
  co_return done;
}

Task<void> ProxyTunnel::pass_on(RequestBodyRef& from_client) {
  while (!over_) {
    const Result<std::string_view> piece = co_await from_client.read();
    if (!piece) co_return end_with(piece.error());
    if (over_) break;
    if (piece->empty()) {
      server().end_sending();
      most_idle_ = std::min(most_idle_, exchange_->lane().settings().read_timeout);
      co_return moved();
    }
    moved();
    for (std::string_view left = *piece; !left.empty() && !over_;) {
      const std::ptrdiff_t taken = server().send_now(left);
      if (taken == ServerConnection::kBroken) co_return end_with(server().broken());
      left.remove_prefix(static_cast<std::size_t>(taken));
      if (!left.empty()) co_await Room{*this};
    }
  }
}

Task<Result<void>> ProxyTunnel::pass_back(ResponseWriter& to_client) {
  if (const std::string_view early = exchange_->received_early(); !early.empty()) {
    const Result<void> written = co_await to_client.write(early);
    if (!written) co_return written;
  }
  exchange_->forget_received();
  const Result<void> head_sent = co_await to_client.flush();
  if (!head_sent) co_return head_sent;
  while (!over_ && !request_->cancellation.requested()) {
    Buffer block = exchange_->lane().buffers().acquire();
    const std::ptrdiff_t got = server().receive_now(block.data(), block.capacity());
    if (got == ServerConnection::kNothingNow) {
      block.reset();
      co_await Arrival{*this};
      continue;
    }
    if (got == ServerConnection::kBroken) co_return std::unexpected(server().broken());
    if (got == 0) break;
    moved();
    const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
    const Result<void> written = co_await to_client.write(bytes);
    if (!written) co_return written;
    const Result<void> flushed = co_await to_client.flush();
    if (!flushed) co_return flushed;
  }
  co_return {};
}

// ---- events -----------------------------------------------------------------------------------------------------

void ProxyTunnel::moved() {
  server().want_deadline(most_idle_);
}

void ProxyTunnel::want_events() {
  server().want_events(receiver_ != nullptr, sender_ != nullptr);
}

void ProxyTunnel::end() {
  if (std::exchange(over_, true)) return;
  wake_sender();
  request_->body.stop();
  wake_receiver();
}

void ProxyTunnel::end_with(Error error) {
  if (over_) return;
  error_ = std::move(error);
  end();
}

void ProxyTunnel::wake_receiver() {
  if (!receiver_) return;
  request_->cancellation.leave();
  std::exchange(receiver_, nullptr).resume();
}

void ProxyTunnel::wake_sender() {
  if (sender_) std::exchange(sender_, nullptr).resume();
}

/// Events that nobody waits for are turned off when they come, and not before.
void ProxyTunnel::on_server_readable(ServerConnection&) {
  receiver_ ? wake_receiver() : want_events();
}

void ProxyTunnel::on_server_writable(ServerConnection&) {
  sender_ ? wake_sender() : want_events();
}

void ProxyTunnel::on_server_deadline(ServerConnection&) {
  log::info("request {}: {} {}: the tunnel ends, as nothing moved in it for {} ms", request_->id(),
            request_->method_name, request_->target, most_idle_.count());
  end();
}

/// The client has gone, or edge stops.
void ProxyTunnel::cancel() {
  std::exchange(receiver_, nullptr).resume();
}

}  // namespace edge
