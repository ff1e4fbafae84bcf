// ServerConnection: a connection to an upstream server, plain or over TLS, on one loop.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/address.h"
#include "core/cancellation.h"
#include "core/net/deadline.h"
#include "core/net/socket.h"
#include "core/net/tls_client_context.h"
#include "core/net/turn_end.h"
#include "core/result.h"
#include "core/task.h"

namespace edge {

class TlsClientStream;

/// Where a server is, and how it is spoken to.
struct ServerEndpoint {
  Address address;                              // unless there is a unix_path
  std::string unix_path;                        // not empty: that socket; "@name" for one without a file
  std::shared_ptr<const TlsClientContext> tls;  // null: plain
  std::string server_name;  // for TLS: what the certificate must be for, a host or an IP address; empty: the address

  /// "10.0.0.5:8000", "unix:/run/app.sock".
  std::string text() const;
};

/// One thread. Owned by one coroutine at a time, or by whoever holds it idle or as a tunnel; its owner's pointer closes
/// it. At most one of the tasks below is under way at once; each ends by what it waits for, its timeout (0 or less:
/// none) or the cancellation, and what it is given outlives it.
///
/// Errors: bad_gateway (refused, reset, TLS) and timed_out, both of Side::upstream, with the server's address; closed,
/// of Side::client, when cancelled. They are retryable unless has_sent(). After an error the connection is of no
/// further use.
class ServerConnection final : public Socket, private Deadline, private TurnEnd, private Cancellation::Waiter {
 public:
  struct Closer {
    void operator()(ServerConnection* connection) const { connection->shut(); }
  };
  using Pointer = std::unique_ptr<ServerConnection, Closer>;

  /// Connects, and agrees on TLS if there is any; `timeout` is for both together. Never 0.
  static Task<Result<Pointer>> connect(Loop& loop, const ServerEndpoint& endpoint, Milliseconds timeout,
                                       Cancellation& cancellation);

  // An exchange -----------------------------------------------------------------------------------------------------
  enum class Sent : std::uint8_t {
    all,
    answered,  // the server has sent something, or ended, before all was taken: receive() now gives it at once
  };
  struct SendProgress {
    std::uint64_t taken = 0;  // bytes, of the three together
    Sent sent = Sent::all;
  };
  /// All three in one call of the kernel, as far as it takes them; `timeout` is between two steps. After `answered`
  /// the rest may be sent, unless receive() has told of the end.
  Task<Result<SendProgress>> send(std::string_view first, std::string_view second, std::string_view third,
                                  Milliseconds timeout, Cancellation& cancellation);
  /// The same of a part of a file, which the caller knows to be in memory. A file that is too short is an error of
  /// ours.
  Task<Result<SendProgress>> send_file(int file, std::uint64_t offset, std::uint64_t length, Milliseconds timeout,
                                       Cancellation& cancellation);
  /// What has come and fits, as soon as there is any; 0: the server has ended (truncated() tells how).
  Task<Result<std::size_t>> receive(char* to, std::size_t size, Milliseconds timeout, Cancellation& cancellation);

  /// Something came that was not received, or the end: as of the present turn.
  bool has_arrived() const;
  /// After receive() gave 0: TLS was cut off without its own end, so an answer that ends with the connection may be
  /// cut short.
  bool truncated() const;
  /// It served a request before, so the server may have ended it for idleness at the moment when it was taken.
  bool reused() const { return reused_; }
  /// The kernel has taken something of the present exchange, so the server may have it, whether or not the call that
  /// sent it failed later. Only what nobody has got may be repeated whatever it is.
  bool has_sent() const { return has_sent_; }
  struct Bytes {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
  };
  /// Content, without TLS's own, of the present exchange. Of a call that failed nothing is counted.
  const Bytes& bytes() const { return bytes_; }

  // Without waiting: tunnels and idle connections -------------------------------------------------------------------
  /// Told of events while no task is under way. May close the connection within each.
  class Observer {
   public:
    virtual void on_server_readable(ServerConnection& connection) = 0;  // or it has ended
    virtual void on_server_writable(ServerConnection& connection) = 0;
    virtual void on_server_deadline(ServerConnection& connection) = 0;

   protected:
    ~Observer() = default;
  };
  /// Null: nobody any more. It outlives the connection, or leaves before.
  void observe(Observer* observer);
  /// Which events the observer is told of; they come again each turn until they are turned off.
  void want_events(bool readable, bool writable);
  /// on_server_deadline() comes after so long, once; 0 or less: never.
  void want_deadline(Milliseconds after);

  static constexpr std::ptrdiff_t kNothingNow = -1;
  static constexpr std::ptrdiff_t kBroken = -2;
  /// Bytes, 0 at the server's end, kNothingNow, or kBroken (see broken()).
  std::ptrdiff_t receive_now(char* to, std::size_t size);
  /// How many were taken, fewer (also 0) when there is no room; kBroken.
  std::ptrdiff_t send_now(std::string_view bytes);
  /// Of an exchange: the same, and cuts off what was taken. True: all is gone; else send() goes on with the rest.
  bool try_send(std::string_view& bytes);
  /// Tells the server that nothing follows; receiving goes on. Nothing may be half sent.
  void end_sending();
  /// Why it is broken.
  Error broken() const;

  // For IdleConnections ---------------------------------------------------------------------------------------------
  /// Between two exchanges, for at most so long. False: something came, or the end, so that it cannot be kept.
  bool rest(Observer& observer, Milliseconds most);
  /// Looks once more: whether nothing came meanwhile.
  bool is_quiet();
  /// How long it has rested.
  Milliseconds rested() const;
  /// A new exchange.
  void rouse();

 private:
  enum class Woken : std::uint8_t { readable, writable, timed_out, cancelled };
  /// `co_await Wait{…}`: until the server sends, until there is room if that is asked for, until the deadline, which
  /// whoever waits has armed, or until cancelled.
  struct Wait {
    ServerConnection& connection;
    bool for_room;
    Cancellation& cancellation;
    bool await_ready() const noexcept;
    void await_suspend(std::coroutine_handle<> awaiter) noexcept;
    Woken await_resume() const noexcept { return connection.woken_; }
  };
  static bool is_event(Woken woken) { return woken == Woken::readable || woken == Woken::writable; }

  explicit ServerConnection(std::string where);
  ~ServerConnection();
  void shut();

  /// Of connect(), with the deadline armed.
  Task<Result<void>> reach(Cancellation& cancellation);
  Task<Result<void>> agree_on_tls(const ServerEndpoint& endpoint, Cancellation& cancellation);

  /// Until there is room to send: true; false: the server has sent something meanwhile, or ended.
  Task<Result<bool>> wait_for_room(Milliseconds timeout, Cancellation& cancellation);
  /// One try. kBroken, or how many bytes were taken, which are cut off.
  std::ptrdiff_t send_parts(std::string_view& first, std::string_view& second, std::string_view& third);
  std::ptrdiff_t encrypt_parts(std::string_view first, std::string_view second, std::string_view third);
  /// One try: kBroken, or how many bytes were taken; -3: the file is too short.
  std::ptrdiff_t send_file_now(int file, std::uint64_t offset, std::uint64_t length);
  std::ptrdiff_t count_sent(std::ptrdiff_t taken);
  bool has_unsent() const;
  /// Whether receive_now() would give something; TLS's own messages are no such thing.
  bool has_something();
  void wake(Woken with);
  /// The end of a wait without an event. `what` did not happen.
  Error gave_up(Woken why, std::string_view what) const;
  Error failure(std::string_view why) const;

  void on_readable() override;
  void on_writable() override;
  void on_closed() override { delete this; }
  void on_deadline() override;
  void on_turn_end() override;
  void cancel() override { wake(Woken::cancelled); }

  const std::string where_;
  std::unique_ptr<TlsClientStream> tls_;  // null: plain
  std::coroutine_handle<> waiting_;
  Cancellation* cancellation_ = nullptr;  // of the wait
  Observer* observer_ = nullptr;
  Bytes bytes_;
  int error_ = 0;  // errno of what broke it
  std::uint64_t rests_since_ = 0;
  Woken woken_ = Woken::readable;
  bool wants_room_ = false;  // whoever waits, or the observer
  bool readable_ = false;    // the kernel may have something
  bool unheard_ = false;     // the server takes nothing more
  bool has_sent_ = false;
  bool reused_ = false;
};

}  // namespace edge
