// What the kernel says of memory.
#include "appserver/kernel_memory.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

namespace edge {

TEST_CASE("resident memory of a process") {
  constexpr std::uint64_t kMore = 64 << 20;
  const std::optional<std::uint64_t> before = resident_bytes(getpid());
  REQUIRE(before);
  CHECK(*before > 1 << 20);
  const std::vector<char> touched(kMore, 'x');
  const std::optional<std::uint64_t> after = resident_bytes(getpid());
  REQUIRE(after);
  CHECK(*after > *before + kMore / 2);
  CHECK(touched.back() == 'x');
}

TEST_CASE("a process that is gone has no memory") {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(resident_bytes(child));
}

TEST_CASE("processes that the kernel killed for want of memory") {
  std::ifstream lines("/proc/vmstat");
  std::uint64_t expected = 0;
  std::uint64_t value = 0;
  for (std::string name; lines >> name >> value;) {
    if (name == "oom_kill") expected = value;
  }
  CHECK(out_of_memory_kills() >= expected);
  CHECK(out_of_memory_kills() <= expected + 100);
}

TEST_CASE("the wall of an app's memory") {
  constexpr std::uint64_t kMega = 1 << 20;
  config::App app;
  CHECK(data_limit(app) == 0);
  app.max_memory = 100 * kMega;
  CHECK(data_limit(app) == (100 + 256 + 8) * kMega);
  app.max_memory = 1000 * kMega;
  app.threads = 4;
  CHECK(data_limit(app) == (2000 + 32) * kMega);
}

}  // namespace edge
