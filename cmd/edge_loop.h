// EdgeLoop: one event-loop thread of the edge, with its door and what each address of it goes by at present.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cmd/listeners.h"
#include "cmd/loop_edition.h"
#include "core/http/door.h"
#include "core/net/loop.h"
#include "core/uwsgi/public_socket.h"
#include "static/hot_files.h"

namespace edge {

/// Made on the main thread before start(), and destroyed there after join().
class EdgeLoop {
 public:
  EdgeLoop(int index, ConnectionLimit& limit, GuardPost& post, std::uint64_t hot_memory);
  ~EdgeLoop();

  Loop& loop() { return loop_; }
  /// What an edition of this loop is made with.
  LoopEdition::Place place() { return {loop_, hot_files_, guard_}; }

  void start();
  /// A change of what it serves.
  struct Turn {
    std::shared_ptr<const LoopEdition> edition;
    std::vector<OpenListener> listeners;  // of addresses of the edition that were not listened on before
    std::string http;                     // where HTTP is served, for those who speak it elsewhere; may be empty
  };
  /// From any thread, after start(): new requests go by the edition, on all addresses that it has; others are closed,
  /// and what is under way there comes to its end. Then `done` runs on this loop.
  void turn_to(Turn turn, std::move_only_function<void()> done);
  /// From any thread: `done` runs on this loop when every connection is closed. The backlogs of the addresses in `left`
  /// (socket_key()) are for other processes, which have their sockets too.
  void drain(std::set<std::string> left, std::move_only_function<void()> done);
  /// From any thread, after drain(): closes every connection. `done` runs on this loop, with how many had a request or
  /// its answer under way.
  void kill(std::move_only_function<void(std::size_t)> done);
  /// From any thread: editions of the lists' snapshot go by these lists. Then `done` runs on this loop.
  void renew_access(std::shared_ptr<const AccessLists> lists, std::move_only_function<void()> done);
  /// From any thread: who is banned from now on. Then `done` runs on this loop.
  void renew_bans(std::shared_ptr<const AddressSet> banned, std::move_only_function<void()> done);
  /// From any thread: hands the buffered access lines to their files, then runs `done` on this loop.
  void flush_logs(std::move_only_function<void()> done);
  void join();

 private:
  /// An address that is listened on. What belongs to the address and is renewed with the router is renewed here.
  struct Address {
    config::Listen listen;
    std::string app;  // whose own socket it is; empty: the sites'
    Entrance* entrance;
    std::shared_ptr<uwsgi::PublicSocket> protocol;  // of an app's own socket
  };
  void turn(Turn turn);
  void open_or_renew(const LoopEdition::Address& address, std::shared_ptr<const Router> router,
                     const std::string& http);
  Address* find(const config::Listen& listen, const std::string& app);

  Loop loop_;
  HotFiles hot_files_;
  ClientGuard guard_;
  std::vector<std::weak_ptr<const LoopEdition>> editions_;  // that requests may still go by
  std::vector<Address> addresses_;
  Door door_;
  std::thread thread_;
};

}  // namespace edge
