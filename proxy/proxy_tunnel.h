// ProxyTunnel: the tunnel between a client and a server that has agreed to another protocol. While nothing moves it
// holds no buffer.
#pragma once

#include <coroutine>
#include <memory>
#include <optional>

#include "core/cancellation.h"
#include "core/duration.h"
#include "core/http/request.h"
#include "core/http/tunnel.h"
#include "proxy/server_exchange.h"

namespace edge {

class ProxyTunnel final : public Tunnel, private ServerConnection::Observer, private Cancellation::Waiter {
 public:
  /// `exchange` has the head of an answer of 101. `most_idle`: the tunnel ends when nothing has moved for so long.
  ProxyTunnel(std::unique_ptr<ServerExchange> exchange, Milliseconds most_idle)
      : exchange_(std::move(exchange)), most_idle_(most_idle) {}

  /// When the server has ended and the client has all of it, that is the end; when the client has ended, the server is
  /// told and may go on.
  Task<Result<void>> run(Request& request, ResponseWriter& to_client) override;

 private:
  struct Arrival;
  struct Room;

  Task<void> pass_on(RequestBodyRef& from_client);
  Task<Result<void>> pass_back(ResponseWriter& to_client);
  ServerConnection& server() { return exchange_->connection(); }
  void moved();
  void end();
  void end_with(Error error);
  void wake_receiver();
  void wake_sender();
  void want_events();

  void on_server_readable(ServerConnection& connection) override;
  void on_server_writable(ServerConnection& connection) override;
  void on_server_deadline(ServerConnection& connection) override;
  void cancel() override;

  const std::unique_ptr<ServerExchange> exchange_;
  Milliseconds most_idle_;
  Request* request_ = nullptr;
  std::coroutine_handle<> receiver_;  // waits for bytes of the server
  std::coroutine_handle<> sender_;    // waits for room on the way there
  std::optional<Error> error_;
  bool over_ = false;
};

}  // namespace edge
