// Deaths by SIGKILL: the kernel's, or somebody else's.
#include "appserver/memory_kills.h"

#include <doctest/doctest.h>

#include "support/captured_log.h"
#include "support/running_pool.h"

using namespace edge;
using namespace edge::test;

TEST_CASE("memory kills: each explains one death") {
  std::uint64_t count = 7;
  MemoryKills kills([&count] { return count; });
  CHECK_FALSE(kills.explains_death());
  count = 9;
  CHECK(kills.explains_death());
  CHECK(kills.explains_death());
  CHECK_FALSE(kills.explains_death());
  kills.look();
  kills.look();
  CHECK_FALSE(kills.explains_death());
}

TEST_CASE("memory kills: one look later a kill still explains a death, two looks later it does not") {
  std::uint64_t count = 7;
  MemoryKills kills([&count] { return count; });
  count = 8;
  kills.look();
  SUBCASE("one") {
    CHECK(kills.explains_death());
  }
  SUBCASE("two") {
    kills.look();
    CHECK_FALSE(kills.explains_death());
    count = 9;
    CHECK(kills.explains_death());
  }
}

TEST_CASE("memory kills: a worker's SIGKILL is put down to the kernel only when that has killed of late") {
  CapturedLog log;
  HelloApp hello;
  hello.app.processes = 1;
  std::uint64_t count = 7;
  int looks = 0;
  AppPool::Habits habits{.memory_kills = [&] {
    ++looks;
    return count;
  }};
  bool of_late = false;
  SUBCASE("of late") {
    of_late = true;
    habits.looks_for_kills = std::chrono::hours(1);
  }
  SUBCASE("long ago") {
    habits.looks_for_kills = Milliseconds(1);
  }
  Pool pool(hello.app, habits);
  REQUIRE(pool.start());
  const std::string pid = pool.get("/").body;
  count = 8;
  if (!of_late) pool.run_until([&, seen = looks] { return looks >= seen + 2; });
  kill(std::stoi(pid), SIGKILL);
  pool.run_until([&] { return log.contains("(pid " + pid + ") died of SIGKILL"); });
  CHECK(log.contains("died of SIGKILL, probably by the kernel, which ran out of memory") == of_late);
}
