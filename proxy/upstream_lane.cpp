// Choosing a server, and connecting to it.
#include "proxy/upstream_lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace edge {

namespace {

constexpr std::size_t kBuffer = 64 * 1024;
constexpr std::size_t kKeptBuffers = 16;
// Servers end idle connections without a word: gunicorn after two seconds, uvicorn, Node and Apache after five. What
// was sent just then is lost, and a request that must not be sent twice with it.
constexpr Milliseconds kStillFresh{1'000};
constexpr Milliseconds kBetweenLooks{100};  // at servers that rest

Error queue_is_full(const config::Upstream& settings) {
  return {ErrorKind::unavailable, Side::upstream, false,
          fmt::format("upstream {}: every server has its max_connections, and the queue of {} is full", settings.name,
                      settings.queue)};
}

/// Whom a certificate has to name: without the dot that ends a whole name (RFC 6066 3).
std::string host_of(const config::Upstream& settings, const Server& server) {
  std::string host = settings.tls.server_name;
  const auto at = std::ranges::find(settings.servers, server.url(), &config::UpstreamServer::url);
  if (host.empty() && at != settings.servers.end()) host = at->host;
  if (host.ends_with('.')) host.pop_back();
  return host;
}

}  // namespace

ServerEndpoint endpoint_of(const Upstream& upstream, const Server& server) {
  return {server.at().address, server.at().unix_path, upstream.tls(), host_of(upstream.settings(), server)};
}

UpstreamLane::UpstreamLane(Loop& loop, std::size_t loop_number, std::shared_ptr<Upstream> upstream,
                           std::shared_ptr<const ServerGroup> group)
    : loop_(loop),
      loop_number_(loop_number),
      upstream_(std::move(upstream)),
      group_(std::move(group)),
      balancer_(upstream_->balance(), static_cast<std::uint32_t>(loop_number)),
      queue_(loop),
      buffers_(kBuffer, kKeptBuffers),
      memories_(*upstream_) {}

UpstreamLane::~UpstreamLane() = default;

void UpstreamLane::use(std::shared_ptr<const ServerGroup> group) {
  group_ = std::move(group);
  std::erase_if(sites_, [this](const auto& site) {
    return std::ranges::none_of(group_->members(), [&site](const ServerGroup::Member& member) {
      return member.server->number() == site.first;
    });
  });
  servers_changed();
}

ServerUse UpstreamLane::try_choose(const Request& request, const Wish& wish) {
  std::expected<ServerUse, NoServer> picked =
      balancer_.pick(*group_, {loop_.now(), wish.tried, request.client(), wish.hash_key, wish.preferred});
  return picked ? std::move(*picked) : ServerUse();
}

Task<Result<ServerUse>> UpstreamLane::choose(Request& request, const Wish& wish) {
  RoomWait wait(queue_, wish.tried, settings().queue_timeout, request.cancellation);
  for (bool announced = false;;) {
    const std::uint64_t now = loop_.now();
    std::expected<ServerUse, NoServer> picked =
        balancer_.pick(*group_, {now, wish.tried, request.client(), wish.hash_key, wish.preferred});
    if (announced && (picked || picked.error() != NoServer::all_full)) announce_waiting(queue_.size());
    if (picked) co_return std::move(*picked);
    if (picked.error() != NoServer::all_full) {
      co_return fail(ErrorKind::bad_gateway, Side::upstream,
                     fmt::format("upstream {}: {}", settings().name, text_of(picked.error())));
    }
    if (!announced) {
      if (queue_.size() >= settings().queue) co_return std::unexpected(queue_is_full(settings()));
      announced = true;
      announce_waiting(queue_.size() + 1);
      continue;  // a place may have been left meanwhile
    }
    if (!armed()) loop_.arm(*this, kBetweenLooks);
    const RoomWait::Outcome outcome = co_await wait;
    request.upstream.queue_time += loop_.now() - now;
    if (outcome == RoomWait::Outcome::room) {
      announce_waiting(queue_.size() + 1);  // it asks again
      continue;
    }
    announce_waiting(queue_.size());
    if (outcome == RoomWait::Outcome::cancelled) co_return fail(ErrorKind::closed, Side::client);
    co_return fail(
        ErrorKind::unavailable, Side::upstream,
        fmt::format("upstream {}: no server had room within {} ms", settings().name, settings().queue_timeout.count()));
  }
}

void UpstreamLane::place_was_left(const std::shared_ptr<Server>& server, std::size_t origin) {
  if (queue_.size() == 0) return upstream_->pass_on(server, origin, loop_number_);
  Place place{server, origin};
  if (std::ranges::find(places_, place) == places_.end()) places_.push_back(std::move(place));
  loop_.at_turn_end(*this);
}

void UpstreamLane::servers_changed() {
  all_ask_ = true;
  loop_.at_turn_end(*this);
}

/// A place may be one that nobody here can use, as the server is a backup or has failed this request before, or be
/// taken by a request that came meanwhile.
void UpstreamLane::on_turn_end() {
  const std::shared_ptr<UpstreamLane> alive = shared_from_this();  // whoever is woken may be the last to hold it
  const bool all = std::exchange(all_ask_, false);
  const std::vector<Place> places = std::exchange(places_, {});
  const auto some_is_free = [&] {
    return all || std::ranges::any_of(places, [this](const Place& place) { return is_free(place); });
  };
  const auto may_use_one = [&](const TriedServers& tried) {
    return all || std::ranges::any_of(places, [&tried](const Place& place) { return !tried.has(*place.server); });
  };
  queue_.wake_while(some_is_free, may_use_one);
  for (const Place& place : places) {
    // Of a server that this loop does not know yet, or no more, the next may.
    if (!member_of(place) || is_free(place)) upstream_->pass_on(place.server, place.origin, loop_number_);
  }
}

const ServerGroup::Member* UpstreamLane::member_of(const Place& place) const {
  const auto members = group_->members();
  const auto member = std::ranges::find(members, place.server, &ServerGroup::Member::server);
  return member == members.end() ? nullptr : &*member;
}

bool UpstreamLane::is_free(const Place& place) const {
  const ServerGroup::Member* const member = member_of(place);
  if (!member || member->down || place.server->is_held_down()) return false;
  return member->max_connections == 0 || place.server->in_flight() < member->max_connections;
}

/// While requests wait: the end of a rest is nobody's event.
void UpstreamLane::on_deadline() {
  if (queue_.size() == 0) return;
  const std::uint64_t now = loop_.now();
  const auto may_be_tried = [now](const ServerGroup::Member& member) {
    return !member.down && member.server->standing(now) == Standing::trial_due;
  };
  if (std::ranges::any_of(group_->members(), may_be_tried)) servers_changed();
  loop_.arm(*this, kBetweenLooks);
}

UpstreamLane::Site& UpstreamLane::site_of(const Server& server) {
  std::unique_ptr<Site>& site = sites_[server.number()];
  if (!site) site = std::make_unique<Site>(endpoint_of(*upstream_, server), settings(), server);
  return *site;
}

ServerConnection::Pointer UpstreamLane::take_kept(const Server& server, Kept kept) {
  if (kept == Kept::none) return {};
  return site_of(server).idle.take(kept == Kept::fresh ? kStillFresh : Milliseconds::max());
}

Task<Result<ServerConnection::Pointer>> UpstreamLane::connect(const Server& server, Cancellation& cancellation) {
  const ServerEndpoint endpoint = site_of(server).endpoint;  // the site may go meanwhile
  Result<ServerConnection::Pointer> connection =
      co_await ServerConnection::connect(loop_, endpoint, settings().connect_timeout, cancellation);
  co_return connection;
}

void UpstreamLane::keep(const Server& server, ServerConnection::Pointer connection) {
  const bool is_member = std::ranges::any_of(group_->members(), [&server](const ServerGroup::Member& member) {
    return member.server->number() == server.number();
  });
  if (is_member && settings().keepalive > 0) site_of(server).idle.put(std::move(connection));
}

}  // namespace edge
