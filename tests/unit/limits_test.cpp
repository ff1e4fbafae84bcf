// Which requests the limits of a route let in: keys, several limits together, dry runs, turns that are waited for.
#include "core/limits/limits.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "core/limits/admission.h"
#include "support/captured_log.h"
#include "support/fake_request.h"
#include "support/limits.h"

using namespace edge;
using namespace edge::test;

namespace {

struct Asked {
  int refused_with = 0;
  std::uint64_t retry_after = 0;
  LimitVerdict requests = LimitVerdict::none;
  LimitVerdict connections = LimitVerdict::none;
};

/// A request that comes and ends at once.
Asked ask(Loop& loop, const OwnLimits& own, std::string_view target = "/") {
  FakeRequest fake(loop, "GET", target);
  const Limits::Admission admission = own.limits->admit(fake.request);
  return {admission.refused_with, admission.retry_after, fake.request.limited.requests,
          fake.request.limited.connections};
}

}  // namespace

TEST_CASE("limits: a request that comes too early is refused, counted and logged, once a second") {
  CapturedLog log;
  Loop loop;
  OwnLimits own({.requests = {request_limit(1)}});
  CHECK(ask(loop, own).requests == LimitVerdict::passed);
  CHECK(ask(loop, own).refused_with == 0);
  for (int i = 0; i < 3; ++i) {
    const Asked refused = ask(loop, own);
    CHECK(refused.refused_with == 429);
    CHECK(refused.retry_after == 10);
    CHECK(refused.requests == LimitVerdict::rejected);
  }
  CHECK(own.counts.requests[0]->refused == 3);
  const std::string text = log.text();
  CHECK(text.find("GET / is refused by limits.requests 6/m (site.yaml:3:7): 127.0.0.1") != std::string::npos);
  CHECK(text.find("is refused", text.find("is refused") + 1) == std::string::npos);
}

TEST_CASE("limits: each value of the key counts by itself, and who has none is not limited") {
  Loop loop;
  OwnLimits own({.requests = {request_limit(0, "$arg_user")}, .connections = {concurrency_limit(1, "$arg_user")}});
  CHECK(ask(loop, own, "/?user=a").refused_with == 0);
  CHECK(ask(loop, own, "/?user=b").refused_with == 0);
  CHECK(ask(loop, own, "/?user=a").refused_with == 429);
  for (int i = 0; i < 3; ++i) {
    const Asked free = ask(loop, own);
    CHECK(free.refused_with == 0);
    CHECK(free.requests == LimitVerdict::none);
    CHECK(free.connections == LimitVerdict::none);
  }
}

TEST_CASE("limits: what a key holds cannot forge a line in the log, nor fill it") {
  CapturedLog log;
  Loop loop;
  OwnLimits own({.requests = {request_limit(0, "$http_x_key")}});
  const std::string key = "a\x1b[2J\"" + std::string(5'000, 'x');
  for (int i = 0; i < 2; ++i) {
    FakeRequest fake(loop, "GET", "/", {{"X-Key", key}});
    own.limits->admit(fake.request);
  }
  const std::string text = log.text();
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.size() < 400);
}

TEST_CASE("limits: all of several must let pass, and who is refused by one has not counted for the others") {
  Loop loop;
  OwnLimits own({.requests = {request_limit(3, "all"), request_limit(0)}});
  CHECK(ask(loop, own).refused_with == 0);
  for (int i = 0; i < 10; ++i) CHECK(ask(loop, own).refused_with == 429);
  CHECK(own.counts.requests[0]->refused == 0);
  CHECK(own.counts.requests[1]->refused == 10);
  OwnLimits wide({.requests = {request_limit(1, "all"), request_limit(5)}});
  for (int i = 0; i < 2; ++i) CHECK(ask(loop, wide).refused_with == 0);
  CHECK(ask(loop, wide).refused_with == 429);
  CHECK(wide.counts.requests[0]->refused == 1);
}

TEST_CASE("limits: a request counts as under way until its end") {
  Loop loop;
  OwnLimits own({.connections = {concurrency_limit(2), concurrency_limit(3, "all")}});
  {
    FakeRequest one(loop);
    FakeRequest two(loop);
    CHECK(own.limits->admit(one.request).refused_with == 0);
    CHECK(own.limits->admit(two.request).refused_with == 0);
    const Asked third = ask(loop, own);
    CHECK(third.refused_with == 503);
    CHECK(third.retry_after == 0);
    CHECK(third.connections == LimitVerdict::rejected);
    one.request.limited.leave();
    CHECK(ask(loop, own).refused_with == 0);
  }
  CHECK(ask(loop, own).connections == LimitVerdict::passed);
  CHECK(own.counts.connections[0]->refused == 1);
}

TEST_CASE("limits: who is refused by a rate is not under way, and what counted before is let go of by other limits") {
  Loop loop;
  OwnLimits own({.requests = {request_limit(0)}, .connections = {concurrency_limit(1)}});
  OwnLimits other({.connections = {concurrency_limit(1)}});
  FakeRequest first(loop);
  CHECK(own.limits->admit(first.request).refused_with == 0);
  CHECK(other.limits->admit(first.request).refused_with == 0);
  FakeRequest second(loop);
  CHECK(own.limits->admit(second.request).refused_with == 429);
  FakeRequest third(loop);
  CHECK(own.limits->admit(third.request).refused_with == 429);
  CHECK(other.limits->admit(third.request).refused_with == 503);
}

TEST_CASE("limits: a dry run says what it would do, and lets pass") {
  CapturedLog log;
  Loop loop;
  LimitSettings settings{.requests = {request_limit(0)}, .connections = {concurrency_limit(1)}};
  settings.requests[0].identity.dry_run = settings.connections[0].identity.dry_run = true;
  OwnLimits own(std::move(settings));
  FakeRequest held(loop);
  own.limits->admit(held.request);
  const Asked asked = ask(loop, own);
  CHECK(asked.refused_with == 0);
  CHECK(asked.requests == LimitVerdict::rejected_dry_run);
  CHECK(asked.connections == LimitVerdict::rejected_dry_run);
  CHECK(own.counts.requests[0]->would_have_refused == 1);
  CHECK(own.counts.requests[0]->refused == 0);
  CHECK(log.contains("would be refused by limits.requests"));
  CHECK(log.contains("would be refused by limits.connections"));
}

TEST_CASE("limits: with delay those of the burst have to wait for their turn") {
  Loop loop;
  RequestLimit limit = request_limit(2);
  limit.delay = true;
  OwnLimits own({.requests = {limit}});
  FakeRequest fakes[] = {FakeRequest(loop), FakeRequest(loop), FakeRequest(loop), FakeRequest(loop)};
  CHECK(own.limits->admit(fakes[0].request).wait == Milliseconds(0));
  const Milliseconds first = own.limits->admit(fakes[1].request).wait;
  const Milliseconds second = own.limits->admit(fakes[2].request).wait;
  CHECK(first > Milliseconds(5'000));
  CHECK(first <= Milliseconds(10'000));
  CHECK(second - first >= Milliseconds(5'000));
  CHECK(second <= Milliseconds(20'000));
  CHECK(own.limits->admit(fakes[3].request).refused_with == 429);
  CHECK(fakes[0].request.limited.requests == LimitVerdict::passed);
  CHECK(fakes[2].request.limited.requests == LimitVerdict::delayed);
  CHECK(own.counts.requests[0]->delayed == 2);
  limit.identity.dry_run = true;
  OwnLimits dry({.requests = {limit}});
  ask(loop, dry);
  FakeRequest fake(loop);
  CHECK(dry.limits->admit(fake.request).wait == Milliseconds(0));
  CHECK(fake.request.limited.requests == LimitVerdict::delayed_dry_run);
  CHECK(dry.counts.requests[0]->would_have_delayed == 1);
}

TEST_CASE("limits: the answer of a refusal has the status, and says when to come again") {
  Loop loop;
  RequestLimit limit = request_limit(0);
  limit.status = 503;
  OwnLimits own({.requests = {limit}});
  FakeRequest first(loop);
  CHECK_FALSE(run(loop, hold_to_limits(first.request, *own.limits)));
  FakeRequest second(loop);
  const std::optional<Response> refused = run(loop, hold_to_limits(second.request, *own.limits));
  REQUIRE(refused);
  CHECK(refused->status == 503);
  CHECK(refused->headers.get(HeaderName::retry_after) == "10");
}

TEST_CASE("limits: a turn is waited for, unless the client leaves") {
  Loop loop;
  RequestLimit limit = request_limit(5);
  limit.delay = true;
  limit.rate.interval = 37'000;
  OwnLimits own({.requests = {limit}});
  FakeRequest first(loop);
  const auto begun = std::chrono::steady_clock::now();
  CHECK_FALSE(run(loop, hold_to_limits(first.request, *own.limits)));
  FakeRequest second(loop);
  uv_update_time(loop.uv());
  CHECK_FALSE(run(loop, hold_to_limits(second.request, *own.limits)));
  CHECK(std::chrono::steady_clock::now() - begun >= Milliseconds(25));
  FakeRequest third(loop);
  FakeRequest fourth(loop);
  Task<std::optional<Response>> passing = hold_to_limits(third.request, *own.limits);
  Task<std::optional<Response>> leaving = hold_to_limits(fourth.request, *own.limits);
  CHECK_FALSE(leaving.done());
  fourth.request.cancellation.request();
  REQUIRE(leaving.done());
  const std::optional<Response> nobody = leaving.take();
  REQUIRE(nobody);
  CHECK(nobody->status == 499);
  CHECK_FALSE(run(loop, std::move(passing)));
  FakeRequest gone(loop);
  gone.request.cancellation.request();
  CHECK(run(loop, hold_to_limits(gone.request, *own.limits))->status == 499);
}
