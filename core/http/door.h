// Door: the client connections of one loop: its listeners, its connections, and the memory they share. One a loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/http/client_connection.h"
#include "core/http/entrance.h"
#include "core/http/h1_exchange.h"
#include "core/net/buffer_pool.h"
#include "core/net/listener.h"

namespace edge {

class H1Connection;

/// Counts the connections of all loops against edge.max_connections.
struct ConnectionLimit {
  std::uint64_t most = 20'000;
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> serial{0};
};

/// Bytes that are ready to leave in one send. One a loop; it holds the output of one connection at a time.
struct Output {
  static constexpr std::size_t kCapacity = 64 * 1024;
  ClientConnection* owner = nullptr;
  std::size_t size = 0;
  std::unique_ptr<char[]> data{new char[kCapacity]};
};

/// What the clients of a listener speak. Used on the loop of its door, and outlives the door's connections.
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

  /// An address to listen on. A protocol that is given must outlive the door; without one HTTP is spoken.
  Entrance& open(std::shared_ptr<const Router> router) { return open(std::move(router), http1_); }
  Entrance& open(std::shared_ptr<const Router> router, Protocol& protocol);
  /// New requests go by `router`, also those on connections that are open.
  void renew(Entrance& entrance, std::shared_ptr<const Router> router);
  /// Takes what waits in its backlogs, closes its listeners and its idle connections, lets the others finish.
  void close(Entrance& entrance);

  /// Accepts from a listening, non-blocking socket, which it then owns.
  void listen(Entrance& entrance, UniqueFd socket, const Address& local);
  /// Serves a connected, non-blocking socket, which it then owns.
  void adopt(Entrance& entrance, int fd, const Address& remote, const Address& local);

  /// Closes every entrance. `done` runs when the last connection is closed.
  void stop(std::move_only_function<void()> done);
  /// Closes every connection now. After stop().
  void kill();

  Loop& loop() const { return loop_; }
  std::size_t connections() const { return open_; }

  // For its connections ------------------------------------------------------------------------------------------
  Output& output() { return output_; }
  BufferPool& heads() { return heads_; }
  BufferPool& bodies() { return bodies_; }
  /// The last that a connection says: it is deleted.
  void closed(ClientConnection& connection);
  std::unique_ptr<H1Exchange> take_exchange();
  void keep_exchange(std::unique_ptr<H1Exchange> exchange);

 private:
  struct Http1 final : Protocol {
    std::unique_ptr<ClientConnection> connection(Door& door, Entrance& entrance, const ConnectionInfo& info) override;
  };
  void set_accepting(bool accepting);
  void on_deadline() override;
  void leave(Entrance& entrance);

  Loop& loop_;
  ConnectionLimit& limit_;
  BufferPool heads_;
  BufferPool bodies_;
  Output output_;
  Http1 http1_;
  std::vector<std::unique_ptr<H1Exchange>> resting_;
  struct Listening {
    Entrance* entrance;
    Listener* listener;
  };
  std::vector<Listening> listeners_;
  std::vector<std::unique_ptr<Entrance>> entrances_;
  ClientConnection* first_ = nullptr;
  std::size_t open_ = 0;
  bool draining_ = false;
  bool accepting_ = true;
  std::int64_t warned_at_ = 0;  // seconds since the epoch: one warning a second is enough
  std::move_only_function<void()> stopped_;
};

}  // namespace edge
