// Exchange: one request and its answer behind any front door: what a handler is given, the task that serves it, and the
// one wait for its client. Kept in a pool of the loop, or owned by its connection.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/arena.h"
#include "core/http/client_connection.h"
#include "core/http/request.h"
#include "core/http/request_body.h"
#include "core/http/response_writer.h"
#include "core/task.h"

namespace edge {

class Exchange : public RequestBody, public ResponseWriter {
 public:
  explicit Exchange(Loop& loop) : loop_(loop) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  std::optional<Request> request;
  Task<void> serving;

  void abort() override { aborted_ = true; }
  std::uint64_t bytes_written() const override { return bytes_written_; }

  bool aborted() const { return aborted_; }
  /// What the request began with.
  const Router& router() const { return *router_; }

 protected:
  /// `co_await Wait{*this}`: until resume(). Whoever waits has armed a deadline before.
  struct Wait {
    Exchange& exchange;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiter) noexcept { exchange.waiting_ = awaiter; }
    Result<void> await_resume() { return std::move(exchange.wait_result_); }
  };
  ~Exchange() = default;

  bool waiting() const { return waiting_ != nullptr; }
  /// Ends the wait, which there must be.
  void resume(Result<void> with);
  /// A new request on the connection: everything of the one before becomes invalid.
  void renew_request();
  /// No request is under way: a router that is not the connection's any more need not live on.
  void rest_router();
  /// Those of the route, of the site, or of the listener, whichever is known.
  const HttpSettings& settings() const;

  Loop& loop_;
  Arena arena_;
  ClientConnection* connection_ = nullptr;
  std::uint64_t bytes_written_ = 0;
  bool aborted_ = false;

 private:
  std::coroutine_handle<> waiting_;  // the one wait for the client
  Result<void> wait_result_;
  std::shared_ptr<const Router> router_;
};

}  // namespace edge
