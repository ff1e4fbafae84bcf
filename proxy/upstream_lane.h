// UpstreamLane: one loop's side of an upstream: its servers at present, its connections, and who waits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/http/request.h"
#include "core/net/buffer_pool.h"
#include "core/net/loop.h"
#include "core/net/turn_end.h"
#include "proxy/balancer.h"
#include "proxy/exchange_memory.h"
#include "proxy/idle_connections.h"
#include "proxy/room_queue.h"
#include "proxy/server_connection.h"
#include "proxy/upstream.h"

namespace edge {

/// How a server of the upstream is reached.
ServerEndpoint endpoint_of(const Upstream& upstream, const Server& server);

/// Made on any thread, then used on its loop's only, where the last who holds it lets go of it.
class UpstreamLane final : public std::enable_shared_from_this<UpstreamLane>, private Deadline, private TurnEnd {
 public:
  UpstreamLane(Loop& loop, std::size_t loop_number, std::shared_ptr<Upstream> upstream,
               std::shared_ptr<const ServerGroup> group);
  ~UpstreamLane();

  Loop& loop() { return loop_; }
  Upstream& upstream() { return *upstream_; }
  const config::Upstream& settings() const { return upstream_->settings(); }
  BufferPool& buffers() { return buffers_; }
  ExchangeMemoryPool& memories() { return memories_; }

  /// Other servers from now on, or the same ones at other addresses; what is under way goes on.
  void use(std::shared_ptr<const ServerGroup> group);
  const ServerGroup& group() const { return *group_; }

  struct Wish {
    const TriedServers& tried;
    std::string_view hash_key{};
    const Server* preferred = nullptr;
  };
  /// A place on a server. Waits while each that may be asked is full. Errors: bad_gateway (there is none),
  /// unavailable (the queue), closed.
  Task<Result<ServerUse>> choose(Request& request, const Wish& wish);
  /// The same where nobody has to wait; empty: choose() tells why.
  ServerUse try_choose(const Request& request, const Wish& wish);
  /// To be called when a ServerUse has ended: another request may have its place, on this loop or another.
  void place_was_left(const std::shared_ptr<Server>& server) { place_was_left(server, loop_number_); }
  /// The same of a place that was left on the loop `origin`, where nobody had use for it.
  void place_was_left(const std::shared_ptr<Server>& server, std::size_t origin);
  /// A server has come, or come back, or is held down: all who wait ask again.
  void servers_changed();

  /// Which of the kept connections an exchange may have.
  enum class Kept : std::uint8_t {
    any,
    fresh,  // those that their server cannot have given up yet
    none,
  };
  /// One of those for an exchange of its own, or null.
  ServerConnection::Pointer take_kept(const Server& server, Kept kept);
  /// A new one.
  Task<Result<ServerConnection::Pointer>> connect(const Server& server, Cancellation& cancellation);
  /// After an exchange that its codec calls reusable.
  void keep(const Server& server, ServerConnection::Pointer connection);

 private:
  struct Site {
    Site(ServerEndpoint to, const config::Upstream& settings, const Server& server)
        : endpoint(std::move(to)), idle(settings.keepalive, settings.keepalive_timeout, server.add_idle_count()) {}
    ServerEndpoint endpoint;
    IdleConnections idle;
  };
  struct Place {
    std::shared_ptr<Server> server;
    std::size_t origin;  // the loop on which it was left
    bool operator==(const Place&) const = default;
  };
  void on_deadline() override;
  void on_turn_end() override;
  const ServerGroup::Member* member_of(const Place& place) const;
  bool is_free(const Place& place) const;
  Site& site_of(const Server& server);
  void announce_waiting(std::size_t size) { upstream_->set_waiting(loop_number_, static_cast<std::uint32_t>(size)); }

  Loop& loop_;
  const std::size_t loop_number_;
  const std::shared_ptr<Upstream> upstream_;
  std::shared_ptr<const ServerGroup> group_;
  Balancer balancer_;
  RoomQueue queue_;
  std::vector<Place> places_;  // left in the present turn, while somebody waits
  bool all_ask_ = false;       // at the end of the turn
  BufferPool buffers_;
  ExchangeMemoryPool memories_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Site>> sites_;  // by the server's number
};

}  // namespace edge
