// Request::id(): form, uniqueness within and between threads.
#include "core/http/request.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeRequest;

namespace {
std::string fresh_id(Loop& loop) {
  const FakeRequest fake(loop);
  return std::string(fake.request.id());
}
}  // namespace

TEST_CASE("an id is 32 hexadecimal digits and stays the same") {
  Loop loop;
  const FakeRequest fake(loop);
  const std::string_view id = fake.request.id();
  CHECK(id.size() == 32);
  CHECK(id.find_first_not_of("0123456789abcdef") == std::string_view::npos);
  CHECK(fake.request.id().data() == id.data());
}

TEST_CASE("an id that the client sent is not taken over") {
  Loop loop;
  const FakeRequest fake(loop, "GET", "/", {{"X-Request-ID", "00000000000000000000000000000000"}});
  CHECK(fake.request.id() != "00000000000000000000000000000000");
}

TEST_CASE("ids differ within a thread and between threads") {
  constexpr int kEach = 200;
  Loop loop;
  std::vector<std::string> made[2];
  {
    std::vector<std::jthread> threads;
    for (auto& into : made) {
      threads.emplace_back([&into, &loop] {
        for (int i = 0; i < kEach; ++i) into.push_back(fresh_id(loop));
      });
    }
  }
  std::set<std::string> distinct(made[0].begin(), made[0].end());
  distinct.insert(made[1].begin(), made[1].end());
  CHECK(distinct.size() == 2 * kEach);
  CHECK(made[0][0].substr(0, 16) == made[0][1].substr(0, 16));
  CHECK(made[0][0].substr(0, 16) != made[1][0].substr(0, 16));
}
