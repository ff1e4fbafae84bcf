// Resolver and UpstreamServers: addresses that come, change and fail, without a network, and the servers they make.
#include "proxy/resolver.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/upstream_servers.h"
#include "support/captured_log.h"
#include "support/fake_request.h"
#include "support/polled_loop.h"

using namespace edge;

namespace {

/// Answers of a made-up name service, for look-ups on any thread.
class Names : public std::enable_shared_from_this<Names> {
 public:
  void set(const std::string& host, const std::vector<std::string>& addresses) {
    const std::lock_guard lock(mutex_);
    addresses_[host] = addresses;
  }
  /// Look-ups of all names wait until release().
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    released_.notify_all();
  }
  std::size_t asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  std::size_t most_at_once() {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
  }

  NameLookup lookup() {
    return [self = shared_from_this()](const std::string& host) { return self->answer(host); };
  }

 private:
  Result<std::vector<Address>> answer(const std::string& host) {
    std::unique_lock lock(mutex_);
    ++asked_;
    most_at_once_ = std::max(most_at_once_, ++under_way_);
    released_.wait(lock, [this] { return !held_; });
    --under_way_;
    const auto found = addresses_.find(host);
    if (found == addresses_.end()) return fail(ErrorKind::bad_gateway, Side::upstream, "no such name");
    std::vector<Address> result;
    for (const std::string& text : found->second) result.push_back(*Address::from_ip(text));
    return result;
  }

  std::mutex mutex_;
  std::condition_variable released_;
  std::map<std::string, std::vector<std::string>> addresses_;
  std::size_t asked_ = 0;
  std::size_t under_way_ = 0;
  std::size_t most_at_once_ = 0;
  bool held_ = false;
};

struct Resolving : test::PolledLoop {
  ~Resolving() { names.release(); }

  std::unique_ptr<ResolvedName> resolve(const std::string& host, Milliseconds every = Milliseconds(3)) {
    return std::make_unique<ResolvedName>(resolver, "api", host, every, [this] { ++looks; });
  }
  std::unique_ptr<UpstreamServers> serve(std::vector<NamedServer> servers,
                                         std::shared_ptr<const ServerGroup> before = nullptr,
                                         bool are_checked = false) {
    return std::make_unique<UpstreamServers>(
        loop, resolver, UpstreamServers::Settings{"api", std::move(servers), Milliseconds(3), false, are_checked},
        std::move(before), [this](std::shared_ptr<const ServerGroup> group) { groups.push_back(std::move(group)); });
  }

  test::CapturedLog log;
  const std::shared_ptr<Names> shared_names = std::make_shared<Names>();  // look-ups may outlive the test
  Names& names = *shared_names;
  Resolver resolver{loop, names.lookup()};
  std::size_t looks = 0;
  std::vector<std::shared_ptr<const ServerGroup>> groups;
};

std::string texts(const std::vector<Address>& addresses) {
  std::string text;
  for (const Address& address : addresses) text += address.text() + ' ';
  return text;
}

std::string texts(const ServerGroup& group) {
  std::string text;
  for (const ServerGroup::Member& member : group.members()) text += member.server->name() + ' ';
  return text;
}

NamedServer named(const std::string& host) {
  return {.url = "http://" + host + ":8000", .host = host, .port = 8'000, .weight = 2};
}

}  // namespace

TEST_SUITE("upstream names") {
  TEST_CASE("a host that the system knows is looked up") {
    const Result<std::vector<Address>> found = look_up("127.0.0.1");
    REQUIRE(found);
    CHECK(texts(*found) == "127.0.0.1:0 ");
    const Result<std::vector<Address>> missing = look_up("not a name");
    REQUIRE_FALSE(missing);
    CHECK_FALSE(missing.error().context.empty());
  }

  TEST_CASE("addresses are put in order, each once, and bounded") {
    std::vector<Address> addresses;
    for (const char* text : {"::2", "10.0.0.2", "::1", "10.0.0.1", "10.0.0.2"})
      addresses.push_back(*Address::from_ip(text));
    put_in_order(addresses);
    CHECK(texts(addresses) == "10.0.0.1:0 10.0.0.2:0 [::1]:0 [::2]:0 ");
    for (int i = 0; i < 400; ++i)
      addresses.push_back(*Address::from_ip("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
    put_in_order(addresses);
    CHECK(addresses.size() == kMostAddresses);
  }

  TEST_CASE_FIXTURE(Resolving, "a name is looked up at once and again and again, and changes are logged") {
    names.set("a.test", {"10.0.0.2", "10.0.0.1"});
    const auto name = resolve("a.test");
    CHECK_FALSE(name->is_looked_up());
    run_until([&] { return looks == 1; });
    CHECK(texts(name->addresses()) == "10.0.0.1:0 10.0.0.2:0 ");
    names.set("a.test", {"10.0.0.1", "10.0.0.2"});
    run_until([&] { return looks == 3; });
    CHECK_FALSE(log.contains("has the addresses"));
    names.set("a.test", {"10.0.0.3"});
    run_until([&] { return texts(name->addresses()) == "10.0.0.3:0 "; });
    CHECK(log.contains("info [api] a.test has the addresses 10.0.0.3"));
  }

  TEST_CASE_FIXTURE(Resolving, "a failure keeps the last good addresses and warns once") {
    names.set("a.test", {"10.0.0.1"});
    const auto name = resolve("a.test");
    run_until([&] { return looks == 1; });
    names.set("a.test", {});
    run_until([&] { return looks >= 5 && !name->error().empty(); });
    CHECK(texts(name->addresses()) == "10.0.0.1:0 ");
    const std::string text = log.text();
    const std::size_t at = text.find(
        "warn [api] a.test cannot be looked up: it has no address; requests go on to its last known addresses "
        "10.0.0.1");
    REQUIRE(at != std::string::npos);
    CHECK(text.find("cannot be looked up", at + 40) == std::string::npos);
    names.set("a.test", {"10.0.0.1"});
    run_until([&] { return name->error().empty(); });
    CHECK(log.contains("info [api] a.test has the addresses 10.0.0.1"));
  }

  TEST_CASE_FIXTURE(Resolving, "a name that does not exist yet is found when it does") {
    const auto name = resolve("new.test");
    run_until([&] { return looks == 2; });
    CHECK(name->is_looked_up());
    CHECK(name->error() == "no such name");
    CHECK(log.contains("warn [api] new.test cannot be looked up: no such name; it gets no requests until it can"));
    names.set("new.test", {"10.0.0.9"});
    run_until([&] { return !name->addresses().empty(); });
  }

  TEST_CASE_FIXTURE(Resolving, "names take turns, and one that is destroyed meanwhile does no harm") {
    constexpr std::size_t kAtOnce = Resolver::kMostAtOnce;
    names.hold();
    std::vector<std::unique_ptr<ResolvedName>> all;
    for (std::size_t i = 0; i < kAtOnce + 4; ++i) all.push_back(resolve("n" + std::to_string(i), Milliseconds(60'000)));
    run_until([&] { return names.asked() == kAtOnce; });
    all[0].reset();            // under way
    all[kAtOnce + 1].reset();  // waits
    names.release();
    run_until([&] { return looks == kAtOnce + 2; });
    CHECK(names.asked() == kAtOnce + 3);
    CHECK(names.most_at_once() == kAtOnce);
  }

  TEST_CASE_FIXTURE(Resolving,
                    "where no name server answers, the name is told of it, and others get no look-up meanwhile") {
    names.hold();
    Resolver impatient(loop, names.lookup(), Milliseconds(20));
    std::vector<std::unique_ptr<ResolvedName>> all;
    for (std::size_t i = 0; i < Resolver::kMostAtOnce; ++i) {
      all.push_back(
          std::make_unique<ResolvedName>(impatient, "api", "silent.test", Milliseconds(60'000), [this] { ++looks; }));
    }
    run_until([&] { return looks == Resolver::kMostAtOnce && names.asked() == Resolver::kMostAtOnce; });
    CHECK(all[0]->is_looked_up());
    CHECK(all[0]->error() == "no name server answered within 20 ms");
    all.push_back(
        std::make_unique<ResolvedName>(impatient, "api", "next.test", Milliseconds(60'000), [this] { ++looks; }));
    CHECK(names.asked() == Resolver::kMostAtOnce);
    names.release();
    run_until([&] { return all.back()->is_looked_up() && names.asked() > Resolver::kMostAtOnce; });
    CHECK(names.asked() == Resolver::kMostAtOnce + 1);
    CHECK(looks == Resolver::kMostAtOnce + 1);
  }

  TEST_CASE_FIXTURE(Resolving, "a look-up that hangs holds no thread of the pool") {
    names.hold();
    std::vector<std::unique_ptr<ResolvedName>> all;
    for (std::size_t i = 0; i < Resolver::kMostAtOnce; ++i) all.push_back(resolve("silent.test"));
    run_until([&] { return names.asked() == Resolver::kMostAtOnce; });
    const auto work = [](Loop& on) -> Task<bool> {
      const bool done = co_await on.offload([] { return true; });
      co_return done;
    };
    CHECK(test::run(loop, work(loop)));
  }

  TEST_CASE("a resolver and a loop may end while a name is looked up") {
    const std::shared_ptr<Names> shared_names = std::make_shared<Names>();
    Names& names = *shared_names;
    names.hold();
    {
      test::PolledLoop polled;
      const auto resolver = std::make_unique<Resolver>(polled.loop, names.lookup());
      const auto name =
          std::make_unique<ResolvedName>(*resolver, "api", "a.test", Milliseconds(5), [] { FAIL("told"); });
      polled.run_until([&] { return names.asked() == 1; });
    }
    CHECK(names.asked() == 1);  // and it hangs still
    names.release();
  }
}

TEST_SUITE("upstream servers by name") {
  TEST_CASE_FIXTURE(Resolving, "addresses and sockets are servers at once, names when they are looked up") {
    names.set("a.test", {"10.0.0.1", "::1"});
    const auto servers = serve({{.url = "http://127.0.0.1:81", .host = "127.0.0.1", .port = 81, .backup = true},
                                {.url = "http://unix:/run/a.sock", .unix_path = "/run/a.sock"},
                                named("a.test")});
    CHECK(texts(*servers->group()) == "127.0.0.1:81 unix:/run/a.sock ");
    CHECK_FALSE(servers->are_looked_up());
    run_until([&] { return groups.size() == 1; });
    CHECK(servers->are_looked_up());
    CHECK(texts(*groups[0]) == "127.0.0.1:81 unix:/run/a.sock 10.0.0.1:8000 [::1]:8000 ");
    CHECK(groups[0] == servers->group());
    CHECK(groups[0]->members()[0].backup);
    CHECK(groups[0]->members()[3].weight == 2);
    const std::size_t asked = names.asked();
    run_until([&] { return names.asked() > asked + 2; });
    CHECK(groups.size() == 1);
  }

  TEST_CASE_FIXTURE(Resolving, "a start works with a name that does not resolve") {
    const auto servers = serve({named("new.test")});
    CHECK(servers->group()->members().empty());
    run_until([&] { return servers->are_looked_up(); });
    CHECK(groups.empty());
    names.set("new.test", {"10.0.0.1"});
    run_until([&] { return !groups.empty(); });
    CHECK(texts(*servers->group()) == "10.0.0.1:8000 ");
  }

  TEST_CASE_FIXTURE(Resolving, "servers that stay keep their object, new ones start slowly") {
    names.set("a.test", {"10.0.0.1", "10.0.0.2"});
    const auto servers = serve({named("a.test")});
    run_until([&] { return groups.size() == 1; });
    names.set("a.test", {"10.0.0.2", "10.0.0.3"});
    run_until([&] { return groups.size() == 2; });
    const Server& stayed = *groups[1]->members()[0].server;
    const Server& joined = *groups[1]->members()[1].server;
    CHECK(&stayed == groups[0]->members()[1].server.get());
    CHECK(stayed.share(loop.now(), Milliseconds(60'000)) == 1'000);
    CHECK(joined.share(loop.now(), Milliseconds(60'000)) == 20);
  }

  TEST_CASE_FIXTURE(Resolving,
                    "a new configuration goes on with the servers of the old one, also before names resolve") {
    names.set("a.test", {"10.0.0.1"});
    std::unique_ptr<UpstreamServers> old = serve({named("a.test"), named("10.9.9.9")});
    run_until([&] { return groups.size() == 1; });
    const std::shared_ptr<const ServerGroup> before = old->group();
    before->members()[0].server->hold_down();
    old.reset();
    names.hold();
    const auto checked = serve({named("a.test")}, before, true);
    CHECK(checked->group()->members()[0].server == before->members()[0].server);
    CHECK(checked->group()->members()[0].server->is_held_down());
    const auto unchecked = serve({named("a.test")}, before, false);
    CHECK_FALSE(unchecked->group()->members()[0].server->is_held_down());
    CHECK(unchecked->group()->members().size() == 1);
    names.release();
  }

  TEST_CASE_FIXTURE(Resolving, "more servers than a group may have are left off with a warning") {
    std::vector<NamedServer> many;
    for (int host = 0; host < 5; ++host) {
      std::vector<std::string> addresses;
      for (int i = 0; i < 250; ++i) addresses.push_back("10.0." + std::to_string(host) + "." + std::to_string(i));
      many.push_back(named("h" + std::to_string(host) + ".test"));
      names.set(many.back().host, addresses);
    }
    const auto servers = serve(many);
    run_until([&] { return servers->are_looked_up(); });
    CHECK(servers->group()->members().size() == ServerGroup::kMostServers);
    CHECK(log.contains("warn [api] its names have more than 1000 addresses; 250 are left off"));
  }
}
