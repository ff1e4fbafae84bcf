// ServerExchange: one request with one server, from the connection to the last byte of the answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/from_free_lists.h"
#include "core/http/answer_memory.h"
#include "core/http/request_spool.h"
#include "proxy/exchange_memory.h"
#include "proxy/server_connection.h"
#include "proxy/server_use.h"
#include "proxy/upstream_lane.h"

namespace edge {

/// What is sent as content: spooled, or read from the client while it is sent. Both null: nothing.
struct OutgoingContent {
  const RequestSpool* spool = nullptr;
  RequestBodyRef* stream = nullptr;
  bool empty() const { return !stream && (!spool || spool->length().value_or(0) == 0); }
};

/// Of one loop. When it is destroyed before the answer's end, the connection is closed.
class ServerExchange final : private ServerConnection::Observer, public FromFreeLists {
 public:
  /// The lane outlives it, as the loop's edition does.
  ServerExchange(const std::shared_ptr<UpstreamLane>& lane, ServerUse&& use);
  ServerExchange(const ServerExchange&) = delete;
  ServerExchange& operator=(const ServerExchange&) = delete;
  ~ServerExchange();

  /// Once: sends the request and waits for the head of the answer. Errors as those of ServerConnection and of the
  /// content; `retryable`: the head was not whole, nor anything that no server should say, and nobody has got the
  /// request, or its method is idempotent and its content still there. `asked` lives as long as the exchange.
  Task<Result<void>> begin(const UpstreamRequest& asked, OutgoingContent content);
  /// A kept connection that the server had ended, without a word or with 408, says nothing of the server: the request
  /// is to be sent again on a new one.
  bool may_begin_anew() const { return was_stale_ && may_repeat_; }
  Task<Result<void>> begin_anew(const UpstreamRequest& asked, OutgoingContent content);
  const UpstreamCodec::Head& head() const { return codec_.response(); }
  /// After the end: what followed the content, or null.
  const HeaderList* trailers() const { return codec_.trailers(); }
  const std::shared_ptr<Server>& server() const { return server_; }

  /// The next bytes of the content, valid until the next call; empty at the end.
  Task<Result<std::string_view>> more();
  /// The same while has_piece().
  std::string_view take_piece();
  bool has_piece() const { return next_ < pieces_.size(); }
  /// More of the content is here, or its end, so that more() will not wait.
  bool has_more() const { return next_ < pieces_.size() || complete_ || error_; }
  bool complete() const { return complete_ && next_ == pieces_.size(); }
  /// While nobody waits in more(): takes what comes, up to `most` bytes that the client has not got yet, and fewer
  /// while answers have all the memory that they may have.
  void read_ahead(std::size_t most);

  // After a head with status 101, when there is no content, but a tunnel ---------------------------------------------
  ServerConnection& connection() { return *connection_; }
  UpstreamLane& lane() { return *lane_; }
  /// What came with the head and is the other protocol's.
  std::string_view received_early() const;
  /// Lets go of it, and of all memory to receive in.
  void forget_received() { blocks_.clear(); }

 private:
  Task<Result<void>> ask(const UpstreamRequest& asked, OutgoingContent content, UpstreamLane::Kept on);
  Task<Result<void>> send_request(OutgoingContent content, std::string_view head);
  Task<Result<void>> send_spooled(const RequestSpool& spool);
  Task<Result<void>> send_file(int file, std::uint64_t size);
  Task<Result<void>> send_streamed(RequestBodyRef& body);
  Task<Result<std::string_view>> read_and_listen(RequestBodyRef& body);
  Task<Result<void>> send_piece(std::string_view content);
  Task<Result<void>> send(std::string_view first, std::string_view second, std::string_view third);
  /// What has come while it was sent.
  Task<Result<void>> hear_early();
  Task<Result<std::size_t>> receive();
  Result<void> received(Result<std::size_t> size);
  Buffer& room();
  Buffer& block_with_room();
  bool may_read_ahead() { return ahead_ < most_ahead_ && (ahead_ < kAlwaysAhead || share_.reach(ahead_)); }
  void forget_taken();
  void take(std::size_t received);
  void answers();
  void ended();
  void on_head();
  bool tells_of_idleness(const UpstreamCodec::Head& head) const;
  void on_complete();
  Error failed_with(Error error);

  void on_server_readable(ServerConnection& connection) override;
  void on_server_writable(ServerConnection&) override {}
  void on_server_deadline(ServerConnection&) override {}

  const std::shared_ptr<UpstreamLane> lane_;
  ServerUse use_;
  const std::shared_ptr<Server> server_;
  const ExchangeMemoryPool::Pointer memory_;
  UpstreamCodec& codec_;  // this and the three below are memory_'s
  std::string& out_;
  std::vector<Buffer>& blocks_;
  std::vector<ExchangeMemory::Piece>& pieces_;
  ServerConnection::Pointer connection_;
  Request* client_ = nullptr;
  std::size_t blocks_gone_ = 0;  // that were before the first of blocks_
  std::size_t next_ = 0;         // of pieces_
  std::size_t ahead_ = 0;        // memory of pieces that were not taken
  std::size_t most_ahead_ = 0;
  ServerAnswerMemory share_;  // what ahead_ may be beyond kAlwaysAhead
  std::optional<Error> error_;
  std::chrono::steady_clock::time_point sent_at_;
  RequestBodyRef* listening_for_ = nullptr;  // while the client's next piece is waited for
  bool reads_ahead_ = false;
  bool streamed_ = false;    // something of the client's body is gone, or will not be read
  bool may_repeat_ = false;  // of the last error
  bool was_stale_ = false;   // the connection was a kept one, and no answer came of it
  bool has_head_ = false;
  bool sent_whole_ = false;
  bool complete_ = false;
};

}  // namespace edge
