// Buckets and counts of limits with a given clock: bursts, what is forgotten for what, and many threads at once.
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/limits/memory_limit_store.h"
#include "support/captured_log.h"

using namespace edge;

namespace {

constexpr std::uint64_t kSecond = 1'000'000;  // microseconds
constexpr RequestRate kTenASecond{kSecond / 10, 0};
constexpr std::size_t kOneSet = 256;  // bytes: eight places

std::unique_ptr<MemoryLimitStore> store_of(std::uint64_t memory = 1 << 16) {
  return std::move(*MemoryLimitStore::make(memory));
}

bool passes(LimitStore& store, std::string_view key, const RequestRate& rate, std::uint64_t now) {
  return store.pass(key, rate, now).passes;
}

bool enters(LimitStore& store, std::string_view key, std::uint32_t most, LimitTicket& ticket, std::uint64_t now = 0) {
  return store.enter(key, most, now, ticket) == LimitStore::Entry::entered;
}

}  // namespace

TEST_CASE("limit store: without a burst requests are apart by what the rate says") {
  const auto store = store_of();
  CHECK(passes(*store, "a", kTenASecond, 0));
  const LimitStore::Passage early = store->pass("a", kTenASecond, 30'000);
  CHECK_FALSE(early.passes);
  CHECK(early.wait == 70'000);
  CHECK_FALSE(passes(*store, "a", kTenASecond, 99'999));
  CHECK(passes(*store, "a", kTenASecond, 100'000));
  CHECK_FALSE(passes(*store, "a", kTenASecond, 150'000));
  CHECK(passes(*store, "b", kTenASecond, 150'000));
}

TEST_CASE("limit store: a burst comes at once, and its room comes back at the rate") {
  const auto store = store_of();
  const RequestRate rate{kSecond / 10, 3};
  for (std::uint64_t i = 0; i < 4; ++i) {
    const LimitStore::Passage passage = store->pass("a", rate, kSecond);
    CHECK(passage.passes);
    CHECK(passage.wait == i * kSecond / 10);
  }
  const LimitStore::Passage refused = store->pass("a", rate, kSecond);
  CHECK_FALSE(refused.passes);
  CHECK(refused.wait == kSecond / 10);
  CHECK(passes(*store, "a", rate, kSecond + kSecond / 10));
  CHECK_FALSE(passes(*store, "a", rate, kSecond + kSecond / 10));
  int passed = 0;
  for (int i = 0; i < 10; ++i) passed += passes(*store, "a", rate, 60 * kSecond) ? 1 : 0;
  CHECK(passed == 4);
}

TEST_CASE("limit store: over a long time as many pass as the rate allows") {
  const auto store = store_of();
  const RequestRate rate{kSecond * 60 / 100, 5};
  int passed = 0;
  for (std::uint64_t now = 0; now < 3600 * kSecond; now += 10'000) passed += passes(*store, "a", rate, now) ? 1 : 0;
  CHECK(passed >= 6'000);
  CHECK(passed <= 6'006);
}

TEST_CASE("limit store: a thread whose clock is behind lets nobody in that another would refuse") {
  const auto store = store_of();
  const RequestRate rate{kSecond / 10, 1};
  CHECK(passes(*store, "a", rate, kSecond));
  CHECK_FALSE(passes(*store, "a", rate, kSecond - 3));
  CHECK(passes(*store, "a", rate, kSecond));
  CHECK_FALSE(passes(*store, "a", rate, kSecond - 3));
}

TEST_CASE("limit store: a rate that was raised holds at once") {
  const auto store = store_of();
  const RequestRate slow{3600 * kSecond, 10};
  for (int i = 0; i < 11; ++i) CHECK(passes(*store, "a", slow, 0));
  CHECK_FALSE(passes(*store, "a", slow, 0));
  const RequestRate quick{kSecond / 10, 0};
  CHECK_FALSE(passes(*store, "a", quick, 0));
  CHECK(passes(*store, "a", quick, kSecond));
}

TEST_CASE("limit store: what is given back may come again") {
  const auto store = store_of();
  const LimitStore::Passage first = store->pass("a", kTenASecond, 0);
  CHECK_FALSE(passes(*store, "a", kTenASecond, 0));
  store->give_back(first.ticket, kTenASecond);
  CHECK(passes(*store, "a", kTenASecond, 0));
}

TEST_CASE("limit store: so many at a time, each key by itself") {
  const auto store = store_of();
  LimitTicket one;
  LimitTicket two;
  LimitTicket three;
  CHECK(enters(*store, "a", 2, one));
  CHECK(enters(*store, "a", 2, two));
  CHECK(store->enter("a", 2, 0, three) == LimitStore::Entry::full);
  CHECK(enters(*store, "b", 2, three));
  store->leave(one);
  CHECK(enters(*store, "a", 2, one));
  store->leave(one);
  store->leave(two);
  store->leave(three);
  for (int i = 0; i < 2; ++i) CHECK(enters(*store, "a", 2, one));
}

TEST_CASE("limit store: a new key takes the place of what is drained, and of the oldest first") {
  const auto store = store_of(kOneSet);
  const RequestRate rate{kSecond, 0};
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(passes(*store, "key " + std::to_string(i), rate, i));
  CHECK(passes(*store, "new", rate, kSecond + 1));  // of 0 and 1, which are drained, 0 is the older
  CHECK(store->forgotten() == 0);
  for (int i = 2; i < 8; ++i) CHECK_FALSE(passes(*store, "key " + std::to_string(i), rate, kSecond + 1));
  CHECK_FALSE(passes(*store, "new", rate, kSecond + 1));
  CHECK(passes(*store, "key 1", rate, kSecond + 1));
}

TEST_CASE("limit store: when all count, the one that would be drained soonest is forgotten, and somebody told") {
  test::CapturedLog log;
  const auto store = store_of(kOneSet);
  const RequestRate rate{kSecond, 0};
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(passes(*store, "key " + std::to_string(i), rate, 2 * kSecond + i));
  CHECK(passes(*store, "new", rate, 2 * kSecond + 10));
  CHECK(store->forgotten() == 1);
  for (int i = 1; i < 8; ++i) CHECK_FALSE(passes(*store, "key " + std::to_string(i), rate, 2 * kSecond + 10));
  CHECK(log.contains("limits count more keys than edge.limits_memory has room for"));
}

TEST_CASE("limit store: who is inside is never forgotten; without a place nobody is refused") {
  test::CapturedLog log;
  const auto store = store_of(kOneSet);
  std::vector<LimitTicket> tickets(8);
  for (std::size_t i = 0; i < 8; ++i) CHECK(enters(*store, "key " + std::to_string(i), 1, tickets[i]));
  LimitTicket other;
  CHECK(store->enter("new", 1, 0, other) == LimitStore::Entry::no_place);
  CHECK(passes(*store, "rate", kTenASecond, 0));
  CHECK(passes(*store, "rate", kTenASecond, 0));
  CHECK(store->forgotten() == 3);
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(store->enter("key " + std::to_string(i), 1, 0, other) == LimitStore::Entry::full);
  }
  store->leave(tickets[0]);
  CHECK(enters(*store, "new", 1, other));
}

TEST_CASE("limit store: a million keys take no more memory than was given, and keep their counts apart") {
  test::CapturedLog log;
  const auto store = store_of(1 << 20);
  const RequestRate rate{kSecond / 1'000, 0};
  int passed = 0;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) passed += passes(*store, std::to_string(i), rate, i * 100) ? 1 : 0;
  CHECK(passed == 1'000'000);
  CHECK(store->forgotten() == 0);  // there are never more than ten that count
}

TEST_CASE("limit store: threads that count the same keys lose nothing") {
  const auto store = store_of();
  const RequestRate rate{kSecond, 99};
  std::atomic<int> passed{0};
  std::atomic<int> inside{0};
  std::atomic<int> most_inside{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) {
        passed += passes(*store, "key " + std::to_string(i % 5), rate, 0) ? 1 : 0;
        LimitTicket ticket;
        if (!enters(*store, "door", 3, ticket)) continue;
        const int now_inside = ++inside;
        for (int seen = most_inside; seen < now_inside && !most_inside.compare_exchange_weak(seen, now_inside);) {
        }
        --inside;
        store->leave(ticket);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(passed == 500);
  CHECK(most_inside <= 3);
  LimitTicket ticket;
  for (int i = 0; i < 3; ++i) CHECK(enters(*store, "door", 3, ticket));
  CHECK_FALSE(enters(*store, "door", 3, ticket));
}
