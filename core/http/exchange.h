// Exchange: one request and its answer behind any front door: what a handler is given, the task that serves it, and the
// waits for its client. Kept in a pool of the loop, or owned by its connection.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/arena.h"
#include "core/http/client_connection.h"
#include "core/http/interim_responses.h"
#include "core/http/request.h"
#include "core/http/request_body.h"
#include "core/http/response_writer.h"
#include "core/task.h"

namespace edge {

class Exchange : public RequestBody, public ResponseWriter, public InterimResponses {
 public:
  explicit Exchange(Loop& loop) : loop_(loop) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  std::optional<Request> request;
  Task<void> serving;

  void abort() override { aborted_ = true; }
  std::uint64_t bytes_written() const override { return bytes_written_; }

  bool aborted() const { return aborted_; }
  /// What it carries is no HTTP any more.
  bool tunnelled() const { return tunnelled_; }
  /// Ends the tunnel of a client who is banned by now, if it is one.
  void end_banned_tunnel();
  /// What the request began with.
  const Router& router() const { return *router_; }

 protected:
  /// What of its client a coroutine waits for. One of each at a time; both at once in a tunnel only.
  enum class For : std::uint8_t { input, room };
  /// `co_await Wait(*this, For::room)`: until resume(). Whoever waits has armed a deadline before.
  class Wait {
   public:
    Wait(Exchange& exchange, For what) : wait_(exchange.wait_for(what)) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiter) noexcept {
      awaiter_ = awaiter;
      wait_ = this;
    }
    Result<void> await_resume() { return std::move(result_); }

   private:
    friend class Exchange;
    Wait*& wait_;
    std::coroutine_handle<> awaiter_;
    Result<void> result_;
  };
  ~Exchange() = default;

  bool waits(For what) const { return (what == For::input ? input_wait_ : room_wait_) != nullptr; }
  /// Ends that wait, which there must be.
  void resume(For what, Result<void> with);
  /// A new request on the connection: everything of the one before becomes invalid.
  void renew_request();
  /// No request is under way: a router that is not the connection's any more need not live on.
  void rest_router();
  /// Before the head of that answer. A tunnel that would begin while the door is closing, or for a client who is
  /// banned, ends at once.
  void note_tunnel(const Response& response);
  /// Those of the route, of the site, or of the listener, whichever is known.
  const HttpSettings& settings() const;

  Loop& loop_;
  Arena arena_;
  ClientConnection* connection_ = nullptr;
  std::uint64_t bytes_written_ = 0;
  bool aborted_ = false;
  bool tunnelled_ = false;

 private:
  Wait*& wait_for(For what) { return what == For::input ? input_wait_ : room_wait_; }

  Wait* input_wait_ = nullptr;
  Wait* room_wait_ = nullptr;
  std::shared_ptr<const Router> router_;
};

}  // namespace edge
