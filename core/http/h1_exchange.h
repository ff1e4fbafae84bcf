// H1Exchange: all that an HTTP/1 connection needs only while a request is under way: the request, its body, the
// writer of its answer. Kept in a pool of the loop, so that an idle connection holds none of it.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/arena.h"
#include "core/http/h1_parser.h"
#include "core/http/request.h"
#include "core/http/request_body.h"
#include "core/http/response_writer.h"
#include "core/net/buffer_pool.h"
#include "core/task.h"

namespace edge {

class H1Connection;

class H1Exchange final : public RequestBody, public ResponseWriter {
 public:
  explicit H1Exchange(Loop& loop) : loop_(loop) {}
  ~H1Exchange() = default;

  Buffer input;         // received and not yet consumed; holds the head too until a body is read
  std::size_t fed = 0;  // bytes of `input` from its begin that the parser has seen (while reading a head)
  H1Parser parser;
  std::optional<Request> request;
  Task<void> serving;

  void attach(H1Connection& connection) { connection_ = &connection; }
  /// A new request on the same connection: everything of the one before becomes invalid.
  void begin_request();
  /// Fills the request from the parsed head. An error is to be refused.
  Result<void> accept_head();
  /// Lets go of memory before the exchange rests in the pool.
  void rest();

  // RequestBody
  bool empty() const override { return !parser.framing().has_body(); }
  std::optional<std::uint64_t> length() const override;
  Task<Result<std::string_view>> read() override;

  // ResponseWriter
  void write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) override;
  bool try_write(std::string_view content) override;
  Task<Result<void>> write(std::string_view content) override;
  bool try_write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> flush() override;
  void finish() override;
  void abort() override { aborted_ = true; }
  std::uint64_t bytes_written() const override { return bytes_written_; }

  bool waits_to_read() const { return waiting_ && waits_for_input_; }
  bool waits_to_write() const { return waiting_ && !waits_for_input_; }
  /// Resumes the wait for the socket, if there is one.
  void wake(Result<void> with);

  bool keep_alive() const { return keep_alive_ && !aborted_; }
  bool aborted() const { return aborted_; }
  bool body_complete() const { return body_complete_; }
  /// The content ends with the connection: closing must look like a failure when the content is not complete.
  bool ends_with_connection() const { return ends_with_connection_; }

 private:
  /// `co_await Wait{*this}`: until wake(). Whoever waits has armed the deadline and the socket before.
  struct Wait {
    H1Exchange& exchange;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiter) noexcept { exchange.waiting_ = awaiter; }
    Result<void> await_resume() { return std::move(exchange.wait_result_); }
  };
  void write_field(std::string_view name, std::string_view value);
  void write_framing(std::optional<std::uint64_t> length, bool has_content, int status);
  void queue_chunk_size(std::size_t size);
  Result<std::string_view> next_content();
  void make_room_for_body();
  void discard_buffered_body();
  Task<Result<void>> send_all(std::string_view content);

  Loop& loop_;
  H1Connection* connection_ = nullptr;
  Arena arena_;
  Buffer head_;                      // the head's bytes, once `input` had to be used for the body
  std::coroutine_handle<> waiting_;  // the one wait for the socket
  Result<void> wait_result_;
  std::uint64_t body_received_ = 0;
  std::uint64_t bytes_written_ = 0;
  bool waits_for_input_ = false;
  bool body_complete_ = true;
  bool continue_sent_ = false;
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool ends_with_connection_ = false;
  bool aborted_ = false;
};

}  // namespace edge
