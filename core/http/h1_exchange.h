// H1Exchange: all that an HTTP/1 connection needs only while a request is under way: the request, its body, the
// writer of its answer. Kept in a pool of the loop, so that an idle connection holds none of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/h1_parser.h"
#include "core/http/head_lines.h"
#include "core/http/stream_exchange.h"
#include "core/net/buffer_pool.h"

namespace edge {

class H1Exchange final : public StreamExchange {
 public:
  using StreamExchange::StreamExchange;
  ~H1Exchange() = default;

  Buffer input;         // received and not yet consumed; holds the head too until a body is read
  std::size_t fed = 0;  // bytes of `input` from its begin that the parser has seen (while reading a head)
  H1Parser parser;
  std::uint64_t written_before = 0;  // bytes_written() when it was last asked whether the answer goes on

  void attach(ClientConnection& connection) { connection_ = &connection; }
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
  void stop() override;

  // ResponseWriter
  void write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) override;
  bool try_write(std::string_view content) override;
  Task<Result<void>> write(std::string_view content) override;
  void finish(const HeaderList* trailers) override;

  // InterimResponses
  void send_interim(int status, const HeaderList& fields) override;

  bool keep_alive() const { return keep_alive_ && !aborted(); }
  bool body_complete() const { return body_complete_; }
  /// The content ends with the connection: closing must look like a failure when the content is not complete.
  bool ends_with_connection() const { return ends_with_connection_; }

 private:
  void write_framing(std::optional<std::uint64_t> length, bool has_content, int status, HeadLines& to);
  void queue_chunk_size(std::size_t size);
  Task<Result<std::string_view>> read_tunnel();
  Result<std::string_view> next_content();
  void make_room_for_body();
  void discard_buffered_body();

  Buffer head_;  // the head's bytes, once `input` had to be used for the body
  std::uint64_t body_received_ = 0;
  bool body_complete_ = true;
  bool continue_sent_ = false;
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool ends_with_connection_ = false;
  bool input_ended_ = false;  // nobody wants more than what has arrived
};

}  // namespace edge
