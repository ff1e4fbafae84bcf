// HTTP/2: the memory of a session, in use and put by.
#include "core/http/h2_slot.h"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "unit/h2_wire.h"

using namespace edge;
using namespace edge::h2_test;

namespace {

constexpr std::size_t kPage = 4096;

/// How many pages of the slot the kernel has memory for.
std::size_t pages_of(const char* memory) {
  std::vector<unsigned char> there(H2Slot::kSize / kPage);
  REQUIRE(::mincore(const_cast<char*>(memory), H2Slot::kSize, there.data()) == 0);
  std::size_t pages = 0;
  for (const unsigned char page : there) pages += page & 1U;
  return pages;
}

/// Every word something else, with gaps of zeros of all lengths.
void fill(std::uint64_t* words, std::size_t count) {
  std::size_t gap = 0;
  for (std::size_t i = 0; i < count; i += ++gap % 150) words[i] = i * 0x9E3779B97F4A7C15U + 1;
}

}  // namespace

TEST_CASE("h2 slot: what was put by comes back as it was, and has no page meanwhile") {
  H2Slot slot;
  auto* const words = static_cast<std::uint64_t*>(slot.allocate(H2Slot::kSize));
  REQUIRE(words);
  const std::size_t count = H2Slot::kSize / sizeof *words;
  fill(words, count);
  words[count - 1] = 7;
  const std::vector<std::uint64_t> before(words, words + count);
  const std::size_t others = H2Slot::count_put_by();
  for (int round = 0; round < 2; ++round) {
    slot.put_by();
    CHECK(slot.is_put_by());
    CHECK(H2Slot::count_put_by() == others + 1);
    CHECK(pages_of(reinterpret_cast<char*>(words)) == 0);
    slot.bring_back();
    CHECK(!slot.is_put_by());
    CHECK(H2Slot::count_put_by() == others);
    CHECK(std::memcmp(words, before.data(), H2Slot::kSize) == 0);
  }
}

TEST_CASE("h2 slot: memory begins as zeros, also where another slot has been") {
  for (const bool put_by : {false, true}) {
    auto first = std::make_unique<H2Slot>();
    void* const before = first->allocate(H2Slot::kSize);
    std::memset(before, 'x', H2Slot::kSize);
    if (put_by) first->put_by();
    first.reset();
    H2Slot second;
    char* const after = static_cast<char*>(second.allocate(H2Slot::kSize));
    CHECK(after == before);
    CHECK(std::string_view(after, H2Slot::kSize).find_first_not_of('\0') == std::string_view::npos);
  }
}

TEST_CASE("h2 slot: blocks are apart, and there is no more than fits") {
  H2Slot slot;
  auto* const one = static_cast<char*>(slot.allocate(1));
  auto* const two = static_cast<char*>(slot.allocate(100));
  CHECK(two - one == alignof(std::max_align_t));
  CHECK(slot.contains(one));
  CHECK(slot.contains(two + 99));
  CHECK(!slot.contains(one - 1));
  CHECK(!slot.contains(one + H2Slot::kSize));
  CHECK(!slot.contains(&slot));
  CHECK(slot.allocate(H2Slot::kSize) == nullptr);
  CHECK(slot.allocate(H2Slot::kSize - 128) != nullptr);
  CHECK(slot.allocate(1) == nullptr);
}

TEST_CASE("h2 slot: an empty one can be put by as well") {
  H2Slot slot;
  slot.bring_back();
  slot.put_by();
  slot.put_by();
  CHECK(slot.is_put_by());
  slot.bring_back();
  CHECK(slot.allocate(8) != nullptr);
}

TEST_CASE("h2: a session that nothing is asked of is put by, and goes on where it was") {
  const std::size_t others = H2Slot::count_put_by();
  H2Wire h2;
  const auto rests = [&] { return H2Slot::count_put_by() == others + 1; };
  const test::H2Fields fields = {{"x-known", "to the table of fields"}};
  for (const char* path : {"/one", "/two"}) {
    CHECK(h2.ask("GET", path, fields).content == "GET " + std::string(path) + " []");
    CHECK(!rests());
    CHECK(h2.run_until(rests));
  }
  nghttp2_submit_ping(h2.session(), NGHTTP2_FLAG_NONE, nullptr);
  h2.run();
  CHECK(h2.pings_answered == 1);
  CHECK(rests());  // again, at once
  const std::int32_t upload = h2.request("POST", "/three", fields, "be", false);
  h2.run();
  CHECK(!rests());
  h2.more(upload, "gun", true);
  h2.run();
  CHECK(h2.answers[upload].content == "POST /three [begun]");
}

TEST_CASE("h2: a session that is put by ends as any other") {
  const std::size_t others = H2Slot::count_put_by();
  HttpSettings http;
  for (const bool client_leaves : {true, false}) {
    if (!client_leaves) http.keepalive_timeout = Milliseconds(3'000);
    H2Wire h2(http);
    h2.ask("GET", "/");
    REQUIRE(h2.run_until([&] { return H2Slot::count_put_by() == others + 1; }));
    if (client_leaves) {
      h2.wire.leave();
    } else {
      CHECK(h2.run_until([&] { return !h2.goaways.empty(); }));  // by keepalive_timeout
      h2.wire.leave();
    }
    CHECK(h2.wire.all_closed());
    CHECK(H2Slot::count_put_by() == others);
  }
}
