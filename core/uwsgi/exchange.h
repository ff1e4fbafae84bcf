// The one request of a uwsgi connection: its body, and the writer of its answer, which is told as uWSGI tells it: a
// status line and header fields as in HTTP, then content until the connection ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/stream_exchange.h"
#include "core/net/buffer_pool.h"

namespace edge::uwsgi {

class Exchange final : public StreamExchange {
 public:
  Exchange(Loop& loop, ClientConnection& connection) : StreamExchange(loop) { connection_ = &connection; }
  ~Exchange() = default;

  /// The packet. Its last byte stays in the kernel too, and so does the last byte of a body: a unix socket that is
  /// closed with something unread tells its peer of a reset, which is how a broken answer without a length shows.
  Buffer packet;

  /// Before the packet is read, so that a refusal has a request to speak of.
  void begin_request() { renew_request(); }
  /// Fills the request from the complete packet. An error is to be refused.
  Result<void> accept_packet();

  // RequestBody
  bool empty() const override { return body_size_ == 0; }
  std::optional<std::uint64_t> length() const override { return body_size_; }
  Task<Result<std::string_view>> read() override;

  // ResponseWriter
  void write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) override;
  bool try_write(std::string_view content) override;
  Task<Result<void>> write(std::string_view content) override;
  void finish(const HeaderList*) override {}

  // InterimResponses
  void send_interim(int, const HeaderList&) override {}

  bool body_complete() const { return body_left_ == 0; }

 private:
  Result<std::string_view> receive();

  Buffer body_;
  std::uint64_t body_size_ = 0;
  std::uint64_t body_left_ = 0;   // not yet handed out
  bool byte_left_behind_ = true;  // the last byte of what was handed out is still unread
};

}  // namespace edge::uwsgi
