// What limits have done, over configurations that come and go.
#include "cmd/limit_zones.h"

#include <doctest/doctest.h>

#include <string>

#include "support/fake_request.h"
#include "support/limits.h"

using namespace edge;
using namespace edge::test;

namespace {

std::shared_ptr<const LimitSettings> settings_of(const std::string& zone, const std::string& text) {
  RequestLimit limit = request_limit(0);
  limit.identity = {.zone = zone, .text = text};
  LimitSettings settings;
  settings.requests.push_back(std::move(limit));
  return std::make_shared<const LimitSettings>(std::move(settings));
}

int refused_with(Loop& loop, const Limits& limits) {
  FakeRequest fake(loop);
  return limits.admit(fake.request).refused_with;
}

}  // namespace

TEST_CASE("limit zones: a limit counts on under another configuration, and is forgotten with the last that has it") {
  Loop loop;
  LimitZones zones;
  REQUIRE(zones.open({}));
  CHECK_FALSE(zones.limits(nullptr));
  std::shared_ptr<const Limits> first = zones.limits(settings_of("site a", "before"));
  const std::shared_ptr<const Limits> other = zones.limits(settings_of("site b", "other"));
  CHECK(refused_with(loop, *first) == 0);
  CHECK(refused_with(loop, *first) == 429);
  CHECK(refused_with(loop, *other) == 0);
  std::shared_ptr<const Limits> second = zones.limits(settings_of("site a", "after"));
  first.reset();
  CHECK(refused_with(loop, *second) == 429);
  const std::vector<LimitStatus> status = zones.status();
  REQUIRE(status.size() == 2);
  CHECK(status[0].limit == "after");
  CHECK(status[0].refused == 2);
  CHECK(status[1].limit == "other");
  CHECK(status[1].refused == 0);
  second.reset();
  CHECK(zones.status().size() == 1);
}

TEST_CASE("limit zones: more memory than there can be is refused by the key's name") {
  LimitZones zones;
  config::Process process;
  process.limits_memory = std::uint64_t{1} << 62U;
  const Result<void> opened = zones.open(process);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().context.find("edge.limits_memory") != std::string::npos);
}
