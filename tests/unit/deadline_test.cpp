// Deadlines on a loop that comes late: what has arrived meanwhile goes first.
#include "core/net/deadline.h"

#include <doctest/doctest.h>

#include "core/net/loop.h"
#include "core/net/turn_end.h"

using namespace edge;

namespace {

struct Patience final : Deadline {
  void on_deadline() override { ++ends; }
  int ends = 0;
};

struct Disarms final : TurnEnd {
  explicit Disarms(Deadline& which) : deadline(which) {}
  void on_turn_end() override { deadline.disarm(); }
  Deadline& deadline;
};

/// A loop that did not turn while a deadline fell due.
struct LateLoop {
  LateLoop() {
    loop.arm(patience, Milliseconds(1));
    const std::uint64_t due = uv_hrtime() + 2'000'000;
    while (uv_hrtime() < due) {
    }
  }
  Loop loop;
  Patience patience;
};

}  // namespace

TEST_CASE_FIXTURE(LateLoop, "an event that is there disarms a deadline that is overdue") {
  loop.post([this] { patience.disarm(); });
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  CHECK(patience.ends == 0);
}

TEST_CASE_FIXTURE(LateLoop, "so does the end of that event's turn") {
  Disarms at_the_end(patience);
  loop.post([&, this] { loop.at_turn_end(at_the_end); });
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  CHECK(patience.ends == 0);
}

TEST_CASE_FIXTURE(LateLoop, "an overdue deadline without an event ends in the same turn, and so does the next") {
  Patience other;
  loop.arm(other, Milliseconds(1));
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  CHECK(patience.ends == 1);
  while (other.armed()) uv_run(loop.uv(), UV_RUN_ONCE);
  CHECK(other.ends == 1);
  CHECK(patience.ends == 1);
}
