// Work for the end of a turn: done once, in the same turn, wherever it was asked for.
#include "core/net/turn_end.h"

#include <doctest/doctest.h>

#include "core/net/loop.h"

using namespace edge;

namespace {

struct Counted final : TurnEnd {
  void on_turn_end() override { ++runs; }
  int runs = 0;
};

struct Due final : Deadline {
  Due(Loop& on, TurnEnd& what) : loop(on), work(what) {}
  void on_deadline() override { loop.at_turn_end(work); }
  Loop& loop;
  TurnEnd& work;
};

}  // namespace

TEST_CASE("work is done once a turn, however often it was asked for") {
  Loop loop;
  Counted work;
  loop.post([&loop, &work] {
    loop.at_turn_end(work);
    loop.at_turn_end(work);
    CHECK(work.runs == 0);
  });
  uv_run(loop.uv(), UV_RUN_ONCE);
  CHECK(work.runs == 1);
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  CHECK(work.runs == 1);
}

TEST_CASE("what a deadline asks for is done before the loop waits again") {
  Loop loop;
  Counted work;
  Due due(loop, work);
  loop.arm(due, Milliseconds(1));
  while (due.armed()) uv_run(loop.uv(), UV_RUN_ONCE);
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  CHECK(work.runs == 1);
}

TEST_CASE("work that is destroyed before the turn ends is not done") {
  Loop loop;
  Counted kept;
  {
    Counted gone;
    loop.at_turn_end(gone);
    loop.at_turn_end(kept);
  }
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  CHECK(kept.runs == 1);
}
