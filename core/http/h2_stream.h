// H2Stream: one request on an HTTP/2 connection: its body as far as it has arrived, and its answer as far as the client
// has room for it. Kept in a pool of the loop. Where nghttp2 tells it something, handlers do not run: it asks its
// connection for a place at the end of the turn, when they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/exchange.h"
#include "core/http/h2_head.h"
#include "core/net/buffer_pool.h"

namespace edge {

class H2Connection;

class H2Stream final : public Exchange, private Deadline {
 public:
  using Exchange::Exchange;
  ~H2Stream() = default;

  /// A new request, whose head is about to arrive.
  void begin(H2Connection& connection, std::int32_t id);
  /// Lets go of memory before the stream rests in the pool.
  void rest();

  // What nghttp2 tells ------------------------------------------------------------------------------------------
  H2Head head;
  void head_arrived();
  /// False: more than the window that was granted.
  bool content_arrived(std::string_view content);
  void body_ended();
  /// Nothing can be sent or received any more.
  void closed();
  /// The same, and the session knows nothing of the stream any more.
  void forgotten();
  /// Content for a DATA frame: puts at most `size` bytes at `to`. 0: there is none now.
  std::size_t fill(char* to, std::size_t size);
  /// The content is complete, and so is the answer, but for the trailers.
  bool answer_complete() const { return complete_; }
  /// Queues them, if there are any: they end the stream then, and not the content.
  bool submit_trailers();

  // At the end of the turn --------------------------------------------------------------------------------------
  /// Begins to serve, or wakes what has waited.
  void proceed();
  /// It can go to the pool.
  bool is_over() const { return closed_ && !serving && (served_ || !begun_); }

  // RequestBody
  bool empty() const override { return body_was_empty_ || waits_for_tunnel(); }
  std::optional<std::uint64_t> length() const override;
  Task<Result<std::string_view>> read() override;
  void stop() override;

  // ResponseWriter
  void write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) override;
  bool try_write(std::string_view content) override;
  Task<Result<void>> write(std::string_view content) override;
  bool try_write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> write_file(int fd, std::uint64_t offset, std::uint64_t length) override;
  Task<Result<void>> flush() override;
  void finish(const HeaderList* trailers) override;
  void abort() override;

  // InterimResponses
  void send_interim(int status, const HeaderList& fields) override;

  std::int32_t id() const { return id_; }

 private:
  friend class H2Connection;  // its lists
  struct FilePart {
    int fd = -1;  // none
    std::uint64_t offset = 0;
    std::uint64_t left = 0;
  };

  H2Connection& connection() const;
  void on_deadline() override;
  bool waits_for_its_turn() const;
  /// What the client sends is none of the request's until the answer has opened a tunnel (RFC 8441 4).
  bool waits_for_tunnel() const { return request->method == Method::connect && !tunnelled_; }
  void begin_serving();
  void served();
  void wake(For what, Result<void> with);
  void client_left();
  void reset(std::uint32_t code);
  Result<std::string_view> next_content();
  void consume_handed_out();
  void discard_body();
  void send_continue();
  bool has_unsent() const { return !unsent_.empty() || file_.fd >= 0; }
  void offer(std::string_view content);
  void offer(FilePart part);
  void offered();
  void withdraw();
  Task<Result<void>> until_taken();

  std::int32_t id_ = 0;
  H2Stream* next_ = nullptr;  // the connection's streams
  H2Stream* previous_ = nullptr;
  H2Stream* next_due_ = nullptr;  // the connection's list of who has something to do
  bool is_due_ = false;

  Buffer body_;      // arrived, of which the first handed_out_ bytes are with the handler
  Buffer outgrown_;  // what is with the handler still lies here
  std::size_t handed_out_ = 0;
  std::uint64_t body_received_ = 0;
  std::optional<Error> refusal_;

  std::string_view unsent_;                    // content that the handler waits to be rid of
  FilePart file_;                              // the same, as a file
  std::optional<std::uint64_t> content_left_;  // of the declared length
  const HeaderList* trailers_ = nullptr;       // of the answer
  std::size_t head_bytes_ = 0;

  bool head_arrived_ = false;
  bool begun_ = false;
  bool served_ = false;
  bool closed_ = false;
  bool forgotten_ = false;
  bool told_gone_ = false;
  bool body_was_empty_ = false;
  bool body_ended_ = false;
  bool continue_sent_ = false;
  bool offered_ = false;   // the connection knows that there is content
  bool deferred_ = false;  // nghttp2 does not ask for content until it is told to
  bool finished_ = false;  // the handler has nothing to add
  bool complete_ = false;
};

}  // namespace edge
