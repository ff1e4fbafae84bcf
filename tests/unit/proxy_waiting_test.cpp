// UpstreamLane: requests that wait while every server is full, and what wakes them on each loop.
#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "proxy/upstream.h"
#include "proxy/upstream_lane.h"
#include "support/balanced_servers.h"
#include "support/captured_log.h"
#include "support/fake_request.h"

using namespace edge;

namespace {

constexpr Milliseconds kPatience{20'000};  // of the queue; a test ends long before

/// Two loops on this thread, turned one after the other, with a lane each.
struct Waiting {
  explicit Waiting(std::vector<ServerGroup::Member> members, Milliseconds timeout = kPatience) {
    config::Upstream settings;
    settings.name = "api";
    settings.queue_timeout = timeout;
    settings.eject.failures = 1;
    settings.eject.time = Milliseconds(30);
    upstream = std::make_shared<Upstream>(settings, nullptr, std::vector<Loop*>{&loops[0], &loops[1]});
    for (std::size_t i = 0; i < 2; ++i) lanes[i] = Upstream::lane(upstream, i);
    change(std::move(members));
    turn();
  }
  ~Waiting() {
    lanes[0].reset();
    lanes[1].reset();
  }

  void change(std::vector<ServerGroup::Member> members) {
    upstream->use(std::make_shared<const ServerGroup>(std::move(members), false));
  }
  void turn() {
    for (Loop& loop : loops) uv_run(loop.uv(), UV_RUN_NOWAIT);
  }
  template <class Holds>
  bool turn_until(Holds holds) {
    for (int turns = 0; turns < 5'000 && !holds(); ++turns) {
      turn();
      ::poll(nullptr, 0, 1);
    }
    return holds();
  }

  /// No loop has told another anything that it has not heard.
  bool is_quiet() {
    return std::ranges::all_of(loops, [](Loop& loop) {
      pollfd events{.fd = uv_backend_fd(loop.uv()), .events = POLLIN, .revents = 0};
      return ::poll(&events, 1, 0) == 0;
    });
  }

  Loop loops[2];
  std::shared_ptr<Upstream> upstream;
  std::shared_ptr<UpstreamLane> lanes[2];
};

/// A request that asks a lane for a place at once.
struct Asking {
  Asking(Waiting& waiting, std::size_t loop, TriedServers before = {})
      : fake(waiting.loops[loop]),
        lane(waiting.lanes[loop]),
        tried(before),
        wish{.tried = tried},
        task(lane->choose(fake.request, wish)) {}

  bool done() const { return task.done(); }
  /// The server's name, and the place is kept; else the error.
  std::string got() {
    REQUIRE(task.done());
    Result<ServerUse> result = task.take();
    if (!result) return result.error().context;
    use = std::move(*result);
    return use->name();
  }
  void leave() {
    const std::shared_ptr<Server> server = use.server();
    use.end();
    lane->place_was_left(server);
  }

  test::FakeRequest fake;
  const std::shared_ptr<UpstreamLane> lane;
  const TriedServers tried;
  const UpstreamLane::Wish wish;
  Task<Result<ServerUse>> task;
  ServerUse use;
};

/// Takes the two places that server 1 has.
struct BothPlaces {
  explicit BothPlaces(Waiting& waiting, std::size_t second_loop = 0) : first(waiting, 0), second(waiting, second_loop) {
    CHECK(first.got() == "10.0.0.1:80");
    CHECK(second.got() == "10.0.0.1:80");
  }
  Asking first;
  Asking second;
};

std::vector<ServerGroup::Member> members(std::initializer_list<unsigned> numbers, std::uint32_t most = 1) {
  std::vector<ServerGroup::Member> made;
  for (const unsigned number : numbers) made.push_back({.server = test::make_server(number), .max_connections = most});
  return made;
}

}  // namespace

TEST_SUITE("upstream lane") {
  TEST_CASE("a place that is left is the first one's who waits, on whichever loop") {
    Waiting waiting(members({1}));
    Asking first(waiting, 0);
    CHECK(first.got() == "10.0.0.1:80");
    Asking second(waiting, 1);
    Asking third(waiting, 1);
    waiting.turn();
    CHECK_FALSE(second.done());
    CHECK(waiting.upstream->waiting() == 2);
    first.leave();
    CHECK(waiting.turn_until([&] { return second.done(); }));
    CHECK_FALSE(third.done());
    CHECK(second.got() == "10.0.0.1:80");
    CHECK(waiting.upstream->waiting() == 1);
    second.leave();
    CHECK(waiting.turn_until([&] { return third.done(); }));
    CHECK(third.got() == "10.0.0.1:80");
    CHECK(waiting.upstream->waiting() == 0);
  }

  TEST_CASE("a server that joins is taken by those who wait on each loop, in their order") {
    std::vector<ServerGroup::Member> servers = members({1});
    Waiting waiting(servers);
    Asking busy(waiting, 0);
    CHECK(busy.got() == "10.0.0.1:80");
    std::vector<std::unique_ptr<Asking>> asking;
    for (const std::size_t lane : {0U, 0U, 1U, 1U}) asking.push_back(std::make_unique<Asking>(waiting, lane));
    servers.push_back({.server = test::make_server(2), .max_connections = 3});
    waiting.change(servers);
    const auto done = [&] {
      return std::ranges::count_if(asking, [](const std::unique_ptr<Asking>& each) { return each->done(); });
    };
    CHECK(waiting.turn_until([&] { return done() == 3; }));
    CHECK(asking[0]->got() == "10.0.0.2:80");
    CHECK(asking[2]->got() == "10.0.0.2:80");
    CHECK(waiting.upstream->waiting() == 1);
    busy.leave();
    CHECK(waiting.turn_until([&] { return done() == 4; }));
  }

  TEST_CASE("a server that comes back wakes those who wait on every loop") {
    const std::vector<ServerGroup::Member> servers = members({1, 2}, 2);
    Waiting waiting(servers);
    servers[1].server->hold_down();
    BothPlaces busy(waiting, 1);
    Asking first(waiting, 0);
    Asking second(waiting, 1);
    waiting.turn();
    CHECK_FALSE(first.done());
    CHECK_FALSE(second.done());
    servers[1].server->let_up(waiting.loops[0].now());
    waiting.upstream->servers_changed();
    CHECK(waiting.turn_until([&] { return first.done() && second.done(); }));
    CHECK(first.got() == "10.0.0.2:80");
    CHECK(second.got() == "10.0.0.2:80");
  }

  TEST_CASE("the end of a rest wakes who waits, and its first answer the others") {
    const test::CapturedLog log;
    const std::vector<ServerGroup::Member> servers = members({1, 2}, 2);
    Waiting waiting(servers);
    Server& resting = *servers[1].server;
    const std::uint64_t now = waiting.loops[0].now();
    resting.note_failure(now, now, waiting.upstream->balance().eject, ErrorKind::timed_out);
    BothPlaces busy(waiting);
    Asking first(waiting, 0);
    Asking second(waiting, 1);
    CHECK_FALSE(first.done());
    CHECK(waiting.turn_until([&] { return first.done() || second.done(); }));
    Asking& trying = first.done() ? first : second;
    Asking& other = first.done() ? second : first;
    CHECK(trying.got() == "10.0.0.2:80");
    CHECK_FALSE(other.done());
    if (trying.use.succeeded(waiting.loops[0].now(), Microseconds(10))) waiting.upstream->servers_changed();
    CHECK(waiting.turn_until([&] { return other.done(); }));
    CHECK(other.got() == "10.0.0.2:80");
  }

  TEST_CASE("waking who finds no room costs nobody the place in the queue, nor more time") {
    Waiting waiting(members({1}), Milliseconds(1'000));
    Asking busy(waiting, 0);
    CHECK(busy.got() == "10.0.0.1:80");
    Asking first(waiting, 0);
    Asking second(waiting, 0);
    Asking third(waiting, 0);
    for (int times = 0; times < 5; ++times) {
      waiting.upstream->servers_changed();
      waiting.turn();
      waiting.turn();
    }
    CHECK(waiting.upstream->waiting() == 3);
    busy.leave();
    CHECK(waiting.turn_until([&] { return first.done(); }));
    CHECK_FALSE(second.done());
    CHECK(first.got() == "10.0.0.1:80");
    CHECK(waiting.turn_until([&] { return second.done() && third.done(); }));
    CHECK(second.got() == "upstream api: no server had room within 1000 ms");
    CHECK(third.got() == "upstream api: no server had room within 1000 ms");
    CHECK(waiting.upstream->waiting() == 0);
  }

  TEST_CASE("a client that leaves while it waits is nobody's turn") {
    Waiting waiting(members({1}));
    Asking busy(waiting, 0);
    CHECK(busy.got() == "10.0.0.1:80");
    Asking first(waiting, 0);
    Asking second(waiting, 0);
    waiting.turn();
    first.fake.request.cancellation.request();
    REQUIRE(first.done());
    CHECK(first.task.take().error().kind == ErrorKind::closed);
    busy.leave();
    CHECK(waiting.turn_until([&] { return second.done(); }));
    CHECK(second.got() == "10.0.0.1:80");
  }

  TEST_CASE("a place that the first one may not have is the next one's, on its loop and on others") {
    const std::vector<ServerGroup::Member> servers = members({1, 2});
    Waiting waiting(servers);
    Asking busy(waiting, 0);
    Asking busy_too(waiting, 0);
    const std::string left = busy.got();
    CHECK(busy_too.got() != left);
    TriedServers tried;
    tried.add(*busy.use);
    Asking first(waiting, 0, tried);
    Asking second(waiting, 0);
    Asking third(waiting, 1, tried);
    Asking fourth(waiting, 1);
    busy.leave();
    CHECK(waiting.turn_until([&] { return second.done(); }));
    CHECK(second.got() == left);
    second.leave();
    CHECK(waiting.turn_until([&] { return fourth.done(); }));
    CHECK(fourth.got() == left);
    CHECK(waiting.upstream->waiting() == 2);
    fourth.leave();
    CHECK(waiting.turn_until([&] { return waiting.is_quiet(); }));  // it does not go round for ever
    busy_too.leave();
    CHECK(waiting.turn_until([&] { return first.done(); }));
    CHECK(first.got() == servers[left == "10.0.0.1:80" ? 1 : 0].server->name());
    CHECK_FALSE(third.done());
    first.leave();
    CHECK(waiting.turn_until([&] { return third.done(); }));
  }

  TEST_CASE("a place that nobody takes any more is that of who waits on another loop") {
    Waiting waiting(members({1}));
    Asking busy(waiting, 0);
    CHECK(busy.got() == "10.0.0.1:80");
    Asking leaving(waiting, 0);
    Asking other(waiting, 1);
    waiting.turn();
    busy.leave();
    leaving.fake.request.cancellation.request();  // before the end of the turn
    REQUIRE(leaving.done());
    CHECK(waiting.turn_until([&] { return other.done(); }));
    CHECK(other.got() == "10.0.0.1:80");
  }

  TEST_CASE("several places that are left in one turn are as many requests', and no more") {
    Waiting waiting(members({1, 2}));
    Asking busy(waiting, 0);
    Asking busy_too(waiting, 0);
    CHECK(busy.got() != busy_too.got());
    Asking first(waiting, 0);
    Asking second(waiting, 0);
    Asking third(waiting, 0);
    busy.leave();
    busy_too.leave();
    CHECK(waiting.turn_until([&] { return first.done() && second.done(); }));
    CHECK_FALSE(third.done());
    CHECK(first.got() != second.got());
    second.leave();
    CHECK(waiting.turn_until([&] { return third.done(); }));
  }

  TEST_CASE("when the server that all wait for is left alone, the backup is theirs") {
    const test::CapturedLog log;
    std::vector<ServerGroup::Member> servers = members({1, 2}, 2);
    servers[1].backup = true;
    Waiting waiting(servers);
    BothPlaces busy(waiting);
    Asking first(waiting, 0);
    Asking second(waiting, 1);
    waiting.turn();
    CHECK_FALSE(first.done());
    SUBCASE("after it has failed a request") {
      busy.first.use.failed(waiting.loops[0].now(), {.failures = 1, .duration = kPatience}, ErrorKind::bad_gateway);
      busy.first.leave();
    }
    SUBCASE("by the health check") {
      servers[0].server->hold_down();
      waiting.upstream->servers_changed();
    }
    CHECK(waiting.turn_until([&] { return first.done() && second.done(); }));
    CHECK(first.got() == "10.0.0.2:80");
    CHECK(second.got() == "10.0.0.2:80");
  }
}
