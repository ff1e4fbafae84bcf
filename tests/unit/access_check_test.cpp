// Who is turned away at the door, who is denied by site and route, and who earns a ban.
#include "core/http/access_check.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/client_guard.h"
#include "core/http/router.h"
#include "core/trusted_proxies.h"
#include "support/fake_request.h"

using namespace edge;

namespace {

Address ip(std::string_view text) {
  return *Address::from_ip(text);
}

std::shared_ptr<AddressSet> set_of(std::string_view text) {
  AddressSet::Builder builder;
  if (!text.empty()) builder.add(*parse_address_range(text));
  return std::make_shared<AddressSet>(builder.build());
}

AccessSlot denying(std::string_view text) {
  return {std::make_shared<AccessRules>(AccessRules::denying(*set_of(text)))};
}

/// Two sites; the second has a route of its own access.
struct World {
  explicit World(Access first, Access second, Access route, std::string_view trusted = "") : guard(post) {
    std::vector<std::unique_ptr<Site>> sites;
    for (const Access& access : {first, second}) {
      auto site = std::make_unique<Site>();
      site->hosts = {sites.empty() ? "a.test" : "b.test"};
      site->access = access;
      for (const char* path : {"/", "/own/"}) {
        Route one;
        one.path.path = path;
        one.access = !sites.empty() && one.path.path == "/own/" ? route : access;
        site->routes.push_back(std::move(one));
      }
      sites.push_back(std::move(site));
    }
    auto proxies = std::make_shared<TrustedProxies>();
    proxies->addresses = *set_of(trusted);
    router.emplace(std::move(sites), proxies, &guard);
    post.ban = [this](const Address& client, const BanRule& rule) {
      char buffer[46];
      banned.push_back(std::string(client.ip_text(buffer)) + " " + rule.text);
    };
  }

  Denial denial(std::string_view client, std::string_view host, std::string_view path, std::string_view told = "") {
    test::FakeRequest fake(loop, "GET", path);
    fake.connection.remote = ip(client);
    if (!told.empty()) fake.request.forwarded.client = ip(told);
    fake.request.site = router->site_for(host);
    return denial_of(fake.request, *router);
  }
  void answer(std::string_view client, int status, std::shared_ptr<const std::vector<BanRule>> rules) {
    test::FakeRequest fake(loop);
    fake.connection.remote = ip(client);
    Route route;
    route.bans = std::move(rules);
    fake.request.route = &route;
    fake.request.sent.status = status;
    count_for_bans(fake.request, *router);
  }

  Loop loop;
  GuardPost post;
  ClientGuard guard;
  std::optional<Router> router;
  std::vector<std::string> banned;
};

}  // namespace

TEST_CASE("access: a connection is closed unread only when every site and route denies it without an answer") {
  AccessSlot all = denying("10.0.0.0/8");
  AccessSlot few = denying("10.1.0.0/16");
  const auto turns_away = [](const World& world, std::string_view peer) {
    return world.router->turns_away(ip(peer), 0);
  };
  CHECK(turns_away(World({&all}, {&all}, {&all}), "10.2.0.0"));
  CHECK_FALSE(turns_away(World({&all}, {&all}, {&all}), "11.0.0.0"));
  CHECK_FALSE(turns_away(World({&all}, {&all}, {&few}), "10.2.0.0"));
  CHECK(turns_away(World({&all}, {&all}, {&few}), "10.1.0.0"));
  CHECK_FALSE(turns_away(World({&all}, {&all}, {}), "10.1.0.0"));
  CHECK_FALSE(turns_away(World({&all}, {&all}, {&all, true}), "10.1.0.0"));
  CHECK_FALSE(turns_away(World({&all}, {}, {&all}), "10.1.0.0"));
  CHECK_FALSE(turns_away(World({&all}, {&all}, {&all}, "10.1.2.3"), "10.1.2.3"));
  CHECK_FALSE(World({&all}, {&all}, {&all}).router->turns_away(Address(), 0));
}

TEST_CASE("access: the route's own rules hold, else the site's") {
  AccessSlot site = denying("10.0.0.0/8");
  AccessSlot own = denying("11.0.0.0/8");
  World world({}, {&site}, {&own, true});
  CHECK(world.denial("10.0.0.1", "a.test", "/") == Denial::none);
  CHECK(world.denial("10.0.0.1", "b.test", "/") == Denial::close);
  CHECK(world.denial("11.0.0.1", "b.test", "/") == Denial::none);
  CHECK(world.denial("10.0.0.1", "b.test", "/own/x") == Denial::none);
  CHECK(world.denial("11.0.0.1", "b.test", "/own/x") == Denial::answer);
  CHECK(world.denial("10.0.0.1", "b.test", "/", "12.0.0.1") == Denial::none);
  CHECK(world.denial("12.0.0.1", "b.test", "/", "10.0.0.1") == Denial::answer);
  CHECK(world.denial("10.0.0.1", "nobody.test", "/") == Denial::none);
  CHECK(world.post.refused == 3);
}

TEST_CASE("access: who is banned is kept out of every site, and a trusted proxy never is") {
  World world({}, {}, {}, "10.0.0.9");
  world.guard.renew(set_of("10.0.0.0/24"));
  CHECK(world.denial("10.0.0.1", "a.test", "/") == Denial::close);
  CHECK(world.denial("10.0.0.1", "nobody.test", "/") == Denial::close);
  CHECK(world.denial("10.0.0.9", "a.test", "/") == Denial::none);
  CHECK(world.denial("10.0.0.9", "a.test", "/", "10.0.0.2") == Denial::answer);
  CHECK(world.denial("10.0.0.9", "a.test", "/", "10.0.1.2") == Denial::none);
  CHECK(world.router->turns_away(ip("10.0.0.1"), 0));
  CHECK_FALSE(world.router->turns_away(ip("10.0.0.9"), 0));
  CHECK(world.post.closed == 1);
  world.guard.renew(nullptr);
  CHECK(world.denial("10.0.0.1", "a.test", "/") == Denial::none);
}

TEST_CASE("access: who is banned is answered where that is asked for, and read for it") {
  World world({}, {}, {nullptr, true});
  world.guard.renew(set_of("10.0.0.0/24"));
  CHECK_FALSE(world.router->turns_away(ip("10.0.0.1"), 0));
  CHECK(world.denial("10.0.0.1", "b.test", "/own/") == Denial::answer);
  CHECK(world.denial("10.0.0.1", "b.test", "/") == Denial::close);
  CHECK(world.denial("10.0.0.1", "a.test", "/own/") == Denial::close);
  CHECK(world.denial("10.0.1.1", "b.test", "/own/") == Denial::none);
}

TEST_CASE("access: answers of a status earn a ban, but not a trusted proxy, and nobody twice") {
  World world({}, {}, {}, "10.0.0.9");
  BanRule rule;
  rule.text = "2 x 4xx in 1m";
  rule.first_status = 400;
  rule.last_status = 499;
  rule.strikes = {.id = 1, .count = 2, .window = 60'000};
  const auto rules = std::make_shared<const std::vector<BanRule>>(std::vector<BanRule>{rule});
  world.answer("10.0.0.1", 399, rules);
  world.answer("10.0.0.1", 500, rules);
  world.answer("10.0.0.1", 400, rules);
  CHECK(world.banned.empty());
  world.answer("10.0.0.1", 499, rules);
  CHECK(world.banned == std::vector<std::string>{"10.0.0.1 2 x 4xx in 1m"});
  for (int i = 0; i < 4; ++i) world.answer("10.0.0.9", 404, rules);
  world.guard.renew(set_of("10.0.0.1"));
  for (int i = 0; i < 4; ++i) world.answer("10.0.0.1", 404, rules);
  CHECK(world.banned.size() == 1);
}
