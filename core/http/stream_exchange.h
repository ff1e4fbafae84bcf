// StreamExchange: one request on a connection that is a byte stream, as far as HTTP/1 and uwsgi have it in common: the
// request, the one wait for the socket, and content that is sent as it is.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/arena.h"
#include "core/http/client_connection.h"
#include "core/http/request.h"
#include "core/http/request_body.h"
#include "core/http/response_writer.h"
#include "core/task.h"

namespace edge {

class StreamExchange : public RequestBody, public ResponseWriter {
 public:
  explicit StreamExchange(Loop& loop) : loop_(loop) {}
  StreamExchange(const StreamExchange&) = delete;
  StreamExchange& operator=(const StreamExchange&) = delete;

  std::optional<Request> request;
  Task<void> serving;

  // ResponseWriter
  bool try_write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> flush() override;
  void abort() override { aborted_ = true; }
  std::uint64_t bytes_written() const override { return bytes_written_; }

  bool aborted() const { return aborted_; }
  /// What the request began with.
  const Router& router() const { return *router_; }
  bool waits_to_read() const { return waiting_ && waits_for_input_; }
  bool waits_to_write() const { return waiting_ && !waits_for_input_; }
  /// Resumes the wait for the socket, if there is one.
  void wake(Result<void> with);

 protected:
  /// `co_await Wait{*this}`: until wake(). Whoever waits has armed the deadline and the socket before.
  struct Wait {
    StreamExchange& exchange;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiter) noexcept { exchange.waiting_ = awaiter; }
    Result<void> await_resume() { return std::move(exchange.wait_result_); }
  };
  ~StreamExchange() = default;

  /// A new request on the connection: everything of the one before becomes invalid.
  void renew_request();
  /// No request is under way: a router that is not the connection's any more need not live on.
  void rest_router();
  /// Those of the route, of the site, or of the listener, whichever is known.
  const HttpSettings& settings() const;
  /// Arms the deadline and the socket for a Wait.
  void expect_input();
  void expect_room();
  void write_status_line(const Response& response);
  void write_field(std::string_view name, std::string_view value);
  void write_number_field(std::string_view name, std::uint64_t number);
  Task<Result<void>> send_all(std::string_view content);

  Loop& loop_;
  Arena arena_;
  ClientConnection* connection_ = nullptr;
  std::uint64_t bytes_written_ = 0;

 private:
  std::coroutine_handle<> waiting_;  // the one wait for the socket
  Result<void> wait_result_;
  std::shared_ptr<const Router> router_;
  bool waits_for_input_ = false;
  bool aborted_ = false;
};

}  // namespace edge
