// H1Door: HTTP/1 on one loop: its listeners, its connections, and the memory they share. One a loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/http/h1_connection.h"
#include "core/net/buffer_pool.h"
#include "core/net/listener.h"

namespace edge {

/// Counts the connections of all loops against edge.max_connections.
struct ConnectionLimit {
  std::uint64_t most = 20'000;
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> serial{0};
};

/// Bytes that are ready to leave in one send. One a loop; it holds the output of one connection at a time.
struct Output {
  static constexpr std::size_t kCapacity = 64 * 1024;
  H1Connection* owner = nullptr;
  std::size_t size = 0;
  std::unique_ptr<char[]> data{new char[kCapacity]};
};

class H1Door final : private Deadline {
 public:
  /// `limit` is shared by all loops and must outlive them.
  H1Door(Loop& loop, ConnectionLimit& limit);
  ~H1Door();
  H1Door(const H1Door&) = delete;
  H1Door& operator=(const H1Door&) = delete;

  /// Accepts from a listening, non-blocking socket, which it then owns. The router must outlive the door.
  void listen(UniqueFd socket, const Address& local, const Router& router);

  /// Serves a connected, non-blocking socket, which it then owns.
  void adopt(int fd, const Address& remote, const Address& local, const Router& router);

  /// Takes what waits in the backlog, closes the listeners and idle connections, lets the others finish. `done` runs
  /// when the last is closed.
  void stop(std::move_only_function<void()> done);
  /// Closes every connection now. After stop().
  void kill();

  Loop& loop() const { return loop_; }
  bool draining() const { return draining_; }
  std::size_t connections() const { return open_; }

 private:
  friend class H1Connection;
  friend class H1Exchange;

  void closed(H1Connection& connection);
  std::unique_ptr<H1Exchange> take_exchange();
  void keep_exchange(std::unique_ptr<H1Exchange> exchange);
  void set_accepting(bool accepting);
  void on_deadline() override;

  Loop& loop_;
  ConnectionLimit& limit_;
  BufferPool heads_;
  BufferPool bodies_;
  Output output_;
  std::vector<std::unique_ptr<H1Exchange>> resting_;
  std::vector<Listener*> listeners_;
  H1Connection* first_ = nullptr;
  std::size_t open_ = 0;
  bool draining_ = false;
  bool accepting_ = true;
  std::int64_t warned_at_ = 0;  // seconds since the epoch: one warning a second is enough
  std::move_only_function<void()> stopped_;
};

}  // namespace edge
