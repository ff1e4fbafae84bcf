// Door: the client connections of one loop: its listeners, its connections, and the memory they share. One a loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/http/answer_beginning.h"
#include "core/http/client_connection.h"
#include "core/http/connection_limit.h"
#include "core/http/entrance.h"
#include "core/http/h1_exchange.h"
#include "core/http/idle_clients.h"
#include "core/log_pace.h"
#include "core/net/buffer_pool.h"
#include "core/net/listener.h"

namespace edge {

class H2Stream;
class ConnectionBeginning;
struct TlsOutput;

/// Bytes that are ready to leave in one send. One a loop; it holds the output of one connection at a time.
struct Output {
  static constexpr std::size_t kCapacity = 64 * 1024;
  ClientConnection* owner = nullptr;
  std::size_t size = 0;
  std::unique_ptr<char[]> data{new char[kCapacity]};
};

/// What the clients of a listener speak. Used on the loop of its door, and outlives the connections that it makes.
class Protocol {
 public:
  /// The object for a new connection, which has not begun.
  virtual std::unique_ptr<ClientConnection> connection(Door& door, Entrance& entrance, const ConnectionInfo& info) = 0;

 protected:
  ~Protocol() = default;
};

class Door final : private Deadline {
 public:
  /// `limit` is shared by all loops and must outlive them.
  Door(Loop& loop, ConnectionLimit& limit);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  /// An address to listen on, for HTTP.
  Entrance& open(std::shared_ptr<const Router> router, HttpFront front = {});
  /// The same for another protocol.
  Entrance& open(std::shared_ptr<const Router> router, std::shared_ptr<Protocol> protocol);
  /// The same with one that outlives the door.
  Entrance& open(std::shared_ptr<const Router> router, Protocol& protocol);
  /// New requests go by `router`, also those on connections that are open, and new connections by `front`.
  /// Where TLS or the PROXY protocol comes or goes, what was let in the other way is not let in for more: then the
  /// entrance closes and gives its listeners to another, which is returned.
  Entrance& renew(Entrance& entrance, std::shared_ptr<const Router> router, HttpFront front = {});
  /// Takes what waits in its backlogs, closes its listeners and its idle connections, lets the others finish.
  void close(Entrance& entrance);

  /// Accepts from a listening, non-blocking socket, which it then owns.
  void listen(Entrance& entrance, UniqueFd socket, const Address& local);
  /// Stops to accept for that entrance, and leaves what waits in its backlogs to the others that have its sockets.
  void leave(Entrance& entrance);
  /// Serves a connected, non-blocking socket, which it then owns, whatever the limit says; it is closed unread when the
  /// router turns it away.
  void adopt(Entrance& entrance, int fd, const Address& remote, const Address& local);

  /// Closes the connection that has been idle longest, preferably one that never asked anything. Null: none is idle.
  ClientConnection* close_idle();
  /// The same for a newcomer on another loop, and more where a reload has lowered the limit. False: none is idle.
  bool make_way();
  /// Others are banned than before.
  void end_banned_tunnels();
  /// Closes every entrance. `done` runs when the last connection is closed.
  void stop(std::move_only_function<void()> done);
  /// Closes every connection now. How many had a request or its answer under way. After stop().
  std::size_t kill();

  Loop& loop() const { return loop_; }
  std::size_t connections() const { return open_; }

  /// For HTTP, with or without TLS.
  std::unique_ptr<ClientConnection> behind_proxy(Entrance& entrance, const ConnectionInfo& info);
  /// For HTTP, behind whatever came first.
  std::unique_ptr<ClientConnection> http_connection(Entrance& entrance, const ConnectionInfo& info, bool http2);

  // For its connections ------------------------------------------------------------------------------------------
  Output& output() { return output_; }
  /// What answers of HTTP/1 begin with at this moment.
  const AnswerBeginning& beginning(std::string_view server) {
    beginning_.renew(server, loop_);
    return beginning_;
  }
  TlsOutput& tls_output();
  BufferPool& heads() { return heads_; }
  BufferPool& bodies() { return bodies_; }
  IdleClients& idle_clients() { return idle_; }
  /// `next` takes the place and the descriptor of `from`, which was only the beginning of a connection and is deleted
  /// in a later turn.
  void pass_on(ConnectionBeginning& from, std::unique_ptr<ClientConnection> next, std::unique_ptr<TlsStream> tls);
  /// Calls on_readable() in the next turn: what is to be read lies in memory, where the kernel does not see it.
  void read_again(ClientConnection& connection);
  /// The last that a connection says: it is deleted.
  void closed(ClientConnection& connection);
  std::unique_ptr<H1Exchange> take_exchange();
  void keep_exchange(std::unique_ptr<H1Exchange> exchange);
  std::unique_ptr<H2Stream> take_stream();
  void keep_stream(std::unique_ptr<H2Stream> stream);

 private:
  struct Http final : Protocol {
    std::unique_ptr<ClientConnection> connection(Door& door, Entrance& entrance, const ConnectionInfo& info) override;
  };
  /// As adopt(), of a client who has a place already.
  void take_in(Entrance& entrance, int fd, const Address& remote, const Address& local);
  void opened(std::unique_ptr<ClientConnection> connection);
  bool give_up_idle();
  void run_reads();
  void set_accepting(bool accepting);
  void on_deadline() override { set_accepting(true); }  // connections of other loops may have closed meanwhile
  void forget(Entrance& entrance);
  void forget_resting();

  Loop& loop_;
  ConnectionLimit& limit_;
  BufferPool heads_;
  BufferPool bodies_;
  Output output_;
  AnswerBeginning beginning_;
  std::unique_ptr<TlsOutput> tls_output_;  // once there is TLS
  std::vector<ClientConnection*> reads_;   // read_again(); null: closed meanwhile
  Http http_;
  std::vector<std::unique_ptr<H1Exchange>> resting_;
  std::vector<std::unique_ptr<H2Stream>> resting_streams_;
  struct Listening final : Admission {
    Listening(Door& of, Entrance& to) : door(of), entrance(&to) {}
    bool take_place() override;
    bool somebody_waits() const;
    void return_place() override { door.limit_.return_place(); }
    Door& door;
    Entrance* entrance;
    Listener* listener = nullptr;
  };
  std::vector<std::unique_ptr<Listening>> listeners_;
  std::vector<std::unique_ptr<Entrance>> entrances_;
  ClientConnection* first_ = nullptr;
  IdleClients idle_;
  LogPace closes_idle_;
  LogPace waits_;
  std::size_t open_ = 0;
  bool draining_ = false;
  bool accepting_ = true;
  std::move_only_function<void()> stopped_;
};

}  // namespace edge
