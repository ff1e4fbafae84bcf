// One event-loop thread: turning from one edition to the next, and its end.
#include "cmd/edge_loop.h"

#include <sched.h>

#include <algorithm>
#include <utility>

namespace edge {

namespace {

/// The service manager's: who waits in its backlog is served when edge listens there again.
bool is_left(const config::Listen& listen) {
  return listen.inherited >= 0;
}

}  // namespace

EdgeLoop::EdgeLoop(int index, ConnectionLimit& limit, GuardPost& post, std::uint64_t hot_memory)
    : loop_(index), hot_files_(hot_memory), guard_(post), door_(loop_, limit) {}

EdgeLoop::~EdgeLoop() = default;

void EdgeLoop::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("edge loop " + std::to_string(loop_.index())).c_str());
    // A loop that wakes does not push aside the worker that woke it: answers of short requests then leave several at a
    // time, which costs a tenth less CPU for a Flask route, for up to a tick of the scheduler where every CPU is busy.
    const sched_param none{};
    sched_setscheduler(0, SCHED_BATCH, &none);
    loop_.run();
  });
}

void EdgeLoop::turn_to(Turn turn, std::move_only_function<void()> done) {
  loop_.post([this, to = std::move(turn), then = std::move(done)]() mutable {
    this->turn(std::move(to));
    then();
  });
}

void EdgeLoop::turn(Turn turn) {
  const LoopEdition& edition = *turn.edition;
  std::erase_if(editions_, [](const auto& before) { return before.expired(); });
  editions_.push_back(turn.edition);
  hot_files_.begin_anew(edition.snapshot().process.hot_files);
  for (const LoopEdition::Address& address : edition.addresses()) {
    // Whoever holds the router holds the edition.
    open_or_renew(address, {turn.edition, address.router.get()}, turn.http);
  }
  for (OpenListener& listener : turn.listeners) {
    const Address* const address = find(*listener.listen, listener.app ? listener.app->name : std::string());
    door_.listen(*address->entrance, std::move(listener.socket), listener.address);
  }
  std::erase_if(addresses_, [&](const Address& address) {
    const bool stays = std::ranges::any_of(edition.addresses(), [&address](const LoopEdition::Address& one) {
      return one.listen == address.listen && one.app == address.app;
    });
    if (!stays && is_left(address.listen)) door_.leave(*address.entrance);
    if (!stays) door_.close(*address.entrance);
    return !stays;
  });
}

void EdgeLoop::open_or_renew(const LoopEdition::Address& address, std::shared_ptr<const Router> router,
                             const std::string& http) {
  if (Address* const known = find(address.listen, address.app)) {
    known->entrance = &door_.renew(*known->entrance, std::move(router), address.front);
    if (known->protocol) known->protocol->http_is_at(http);
    return;
  }
  Address& opened = addresses_.emplace_back(Address{address.listen, address.app, nullptr, nullptr});
  if (address.app.empty()) {
    opened.entrance = &door_.open(std::move(router), address.front);
  } else {
    opened.protocol = std::make_shared<uwsgi::PublicSocket>(loop_, address.app, http);
    opened.entrance = &door_.open(std::move(router), opened.protocol);
  }
}

EdgeLoop::Address* EdgeLoop::find(const config::Listen& listen, const std::string& app) {
  const auto at = std::ranges::find_if(
      addresses_, [&](const Address& address) { return address.listen == listen && address.app == app; });
  return at == addresses_.end() ? nullptr : &*at;
}

void EdgeLoop::drain(std::set<std::string> left, std::move_only_function<void()> done) {
  loop_.post([this, others = std::move(left), then = std::move(done)]() mutable {
    for (const Address& address : addresses_) {
      const bool has_others = others.contains(socket_key(address.listen, address.app));
      if (has_others || is_left(address.listen)) door_.leave(*address.entrance);
    }
    addresses_.clear();
    door_.stop(std::move(then));
  });
}

void EdgeLoop::kill(std::move_only_function<void(std::size_t)> done) {
  loop_.post([this, then = std::move(done)]() mutable { then(door_.kill()); });
}

void EdgeLoop::renew_access(std::shared_ptr<const AccessLists> lists, std::move_only_function<void()> done) {
  loop_.post([this, to = std::move(lists), then = std::move(done)]() mutable {
    for (const auto& edition : editions_) {
      const auto alive = edition.lock();
      if (alive && to->are_of(alive->snapshot())) alive->renew_access(to);
    }
    then();
  });
}

void EdgeLoop::renew_bans(std::shared_ptr<const AddressSet> banned, std::move_only_function<void()> done) {
  loop_.post([this, to = std::move(banned), then = std::move(done)]() mutable {
    guard_.renew(std::move(to));
    door_.end_banned_tunnels();
    then();
  });
}

void EdgeLoop::flush_logs(std::move_only_function<void()> done) {
  loop_.post([this, then = std::move(done)]() mutable {
    for (const auto& edition : editions_) {
      if (const auto alive = edition.lock()) alive->flush_logs();
    }
    then();
  });
}

void EdgeLoop::join() {
  if (!thread_.joinable()) return;
  flush_logs([this] { loop_.stop(); });
  thread_.join();
}

}  // namespace edge
