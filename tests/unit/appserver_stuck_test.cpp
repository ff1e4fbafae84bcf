// A request that ran too long: the stacks of its worker, the exception, and whether it helped; on a child that plays
// one.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <csignal>
#include <utility>

#include "appserver/stack_text.h"
#include "appserver/stuck_request.h"
#include "appserver/worker_stacks.h"
#include "support/captured_log.h"
#include "support/fake_app.h"

using namespace edge;
using namespace edge::test;

namespace {

// ThreadSanitizer holds signals back in the child that plays a worker; no threads meet in these cases.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDGE_SIGNALS_WAIT true
#endif
#endif
#ifndef EDGE_SIGNALS_WAIT
#define EDGE_SIGNALS_WAIT false
#endif
constexpr bool kSignalsWait = EDGE_SIGNALS_WAIT;

constexpr char kDump[] =
    "Thread 0x00000000000000b2 (most recent call first):\n"
    "  File \"/app/shop.py\", line 7 in wait\n"
    "  File \"/app/shop.py\", line 9 in application\n"
    "\n"
    "Current thread 0x00000000000000a1 (most recent call first):\n"
    "  File \"/app/shop.py\", line 3 in spin\n"
    "\n"
    "Thread 0x00000000000000ff (most recent call first):\n"
    "  File \"<string>\", line 386 in main\n"
    "  File \"<string>\", line 390 in <module>\n";

int stacks_end = -1;
wire::SharedSlot* slot_of_child = nullptr;
const char* dump_of_child = kDump;
bool writes_end = true;
bool obeys = true;

void write_all(const char* text, std::size_t size) {
  while (size > 0) {
    const ssize_t written = write(stacks_end, text, size);
    if (written > 0) {
      text += written;
      size -= static_cast<std::size_t>(written);
    }
  }
}

void show_stacks(int) {
  write_all(dump_of_child, std::strlen(dump_of_child));
  if (writes_end) write_all(&wire::kStacksEnd, 1);
}

void be_interrupted(int) {
  if (obeys && slot_of_child->interrupted == slot_of_child->running) slot_of_child->running = 0;
}

/// A child that does what a worker's signal handlers do.
class SignalledChild {
 public:
  explicit SignalledChild(const char* dump = kDump, bool ends = true, bool obedient = true) {
    dump_of_child = dump;
    writes_end = ends;
    obeys = obedient;
    worker = *WorkerProcess::create(3, 2, 1);
    void* const memory =
        mmap(nullptr, 2 * sizeof(wire::SharedSlot), PROT_READ | PROT_WRITE, MAP_SHARED, worker->memory(), 0);
    REQUIRE(memory != MAP_FAILED);
    slots = static_cast<wire::SharedSlot*>(memory);
    slots[0].thread = 0xa1;
    slots[1].thread = 0xb2;
    Result<WorkerStacks::Opened> opened = WorkerStacks::open(loop, worker);
    REQUIRE(opened);
    stacks = std::move(opened->stacks);
    stacks_end = opened->worker_end.get();
    slot_of_child = &slots[1];
    before_[0] = std::signal(wire::kStacksSignal, show_stacks);
    before_[1] = std::signal(wire::kInterruptSignal, be_interrupted);
    child = std::make_unique<IdleChild>();
    std::signal(wire::kStacksSignal, before_[0]);
    std::signal(wire::kInterruptSignal, before_[1]);
    worker_end_ = std::move(opened->worker_end);
    worker->identify(child->pid());
  }
  ~SignalledChild() {
    stacks.reset();
    turn();
    munmap(slots, 2 * sizeof(wire::SharedSlot));
  }
  void turn() {
    loop.post([this] { loop.stop(); });
    loop.run();
  }
  template <class Condition>
  void run_until(Condition holds) {
    const auto begun = std::chrono::steady_clock::now();
    while (!holds()) {
      turn();
      if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(20))
        throw std::runtime_error("it never came");
    }
  }
  std::string ask() {
    std::optional<std::string> answer;
    stacks->ask([&answer](std::string_view dump) { answer = dump; });
    REQUIRE_FALSE(answer);
    run_until([&answer] { return answer.has_value(); });
    return *answer;
  }
  /// Nobody but this object holds the pipe's writing end when the child has gone.
  void close_worker_end() { worker_end_.reset(); }

  Loop loop{-1};
  std::shared_ptr<WorkerProcess> worker;
  wire::SharedSlot* slots = nullptr;
  WorkerStacks::Ref stacks;
  std::unique_ptr<IdleChild> child;

 private:
  UniqueFd worker_end_;
  void (*before_[2])(int){};
};

bool is_stuck_after(SignalledChild& child, const ExpiredRequest& request) {
  std::optional<bool> helped;
  StuckRequest stuck(child.loop, "shop", *child.stacks, request, [&helped](bool well) { helped = well; });
  CHECK_FALSE(helped);
  child.run_until([&helped] { return helped.has_value(); });
  return !*helped;
}

bool is_stuck_after(SignalledChild& child, std::uint64_t running = 42) {
  child.slots[1].running = running;
  return is_stuck_after(child, {child.worker, 1, 42, "r-1"});
}

}  // namespace

TEST_CASE("stacks: the thread of the request first, each named as Python names it") {
  const std::uint64_t idents[] = {0xa1, 0xb2};
  CHECK(stack_text(kDump, idents, 1) ==
        "edge-2 (answers this request): File \"/app/shop.py\", line 7 in wait\n"
        "edge-2 (answers this request): File \"/app/shop.py\", line 9 in application\n"
        "edge-1: File \"/app/shop.py\", line 3 in spin\n"
        "thread 0xff: not in the app's code\n");
  const std::uint64_t one[] = {0xb2};
  CHECK(stack_text(kDump, one, 0).starts_with("MainThread (answers this request): File"));
  const std::uint64_t unknown[] = {0, 0};
  CHECK(stack_text(kDump, unknown, 0).starts_with("thread 0xb2: File"));
}

TEST_CASE("stacks: nonsense and floods") {
  const std::uint64_t idents[] = {1};
  for (const std::string_view nonsense : {"", "\n\n\n", "File", "  File \"a\"\n", "Thread", "\xff\xff"}) {
    CHECK(stack_text(nonsense, idents, 0).empty());
  }
  CHECK(stack_text("Thread 0xzz", idents, 0) == "thread 0x0: not in the app's code\n");
  std::string flood;
  for (int thread = 0; thread < 1000; ++thread) {
    flood += "Thread 0x1 (most recent call first):\n";
    for (int frame = 0; frame < 200; ++frame) flood += "  " + std::string(1000, 'x') + "\n";
  }
  CHECK(stack_text(flood, idents, 0).size() < 64 * 100 * 600);
  const std::uint64_t others[] = {2};
  const std::string text = stack_text(flood, others, 0);
  CHECK(text.size() < 64 * 21 * 600);
  CHECK(text.contains("thread 0x1: 80 frames more\n"));
}

TEST_CASE("a worker is asked for its stacks again and again" * doctest::skip(kSignalsWait)) {
  SignalledChild child;
  for (int round = 0; round < 3; ++round) CHECK(child.ask() == kDump);
}

TEST_CASE("who asks while others wait gets the same text" * doctest::skip(kSignalsWait)) {
  SignalledChild child;
  std::vector<std::string> answers;
  for (int i = 0; i < 3; ++i) {
    child.stacks->ask([&answers](std::string_view dump) { answers.emplace_back(dump); });
  }
  child.run_until([&answers] { return answers.size() == 3; });
  CHECK(answers == std::vector<std::string>(3, kDump));
}

TEST_CASE("stacks without an end are taken as they are after a while, and do not spoil the next" *
          doctest::skip(kSignalsWait)) {
  SignalledChild child(kDump, false);
  CHECK(child.ask() == kDump);
  CHECK(child.ask() == kDump);
}

TEST_CASE("the stacks of a dead worker are nothing") {
  SignalledChild child;
  child.close_worker_end();
  child.child.reset();
  CHECK(child.ask().empty());
}

TEST_CASE("a flood of stacks is cut, and its end is found" * doctest::skip(kSignalsWait)) {
  const std::string flood(WorkerStacks::kMostBytes * 2, 'x');
  SignalledChild child(flood.c_str());
  CHECK(child.ask() == flood.substr(0, WorkerStacks::kMostBytes));
  CHECK(child.ask() == flood.substr(0, WorkerStacks::kMostBytes));
}

TEST_CASE("stacks that were closed answer nobody") {
  SignalledChild child;
  bool answered = false;
  child.stacks->ask([&answered](std::string_view) { answered = true; });
  child.stacks.reset();
  child.turn();
  CHECK_FALSE(answered);
}

TEST_CASE("an exception that ends the request keeps the worker" * doctest::skip(kSignalsWait)) {
  SignalledChild child;
  CapturedLog log;
  CHECK_FALSE(is_stuck_after(child));
  CHECK(child.slots[1].reason == wire::kRequestTimeout);
  CHECK(
      log.contains(fmt::format("[shop] request r-1: worker 3 (pid {}) thread edge-2: stacks of its threads:\n"
                               "  | edge-2 (answers this request): File \"/app/shop.py\", line 7 in wait\n",
                               child.child->pid())));
  CHECK_FALSE(log.contains("was still at it"));
}

TEST_CASE("a request that does not end for an exception makes its worker one to be replaced") {
  SignalledChild child(kDump, true, false);
  CapturedLog log;
  CHECK(is_stuck_after(child));
  CHECK(
      log.contains(fmt::format("[shop] request r-1: worker 3 (pid {}) was still at it 1000 ms after "
                               "edge_gateway.RequestTimeout",
                               child.child->pid())));
}

TEST_CASE("a worker without stacks is interrupted all the same" * doctest::skip(kSignalsWait)) {
  SignalledChild child("", false);
  CapturedLog log;
  CHECK_FALSE(is_stuck_after(child));
  CHECK(log.contains("gave no stacks within 1000 ms"));
}

TEST_CASE("a thread that is at another request by now is not stuck") {
  SignalledChild child;
  CHECK_FALSE(is_stuck_after(child, 43));
  CHECK(child.slots[1].running == 43);
}

TEST_CASE("a thread that has taken a request and does not come to it is stuck") {
  SignalledChild child;
  CapturedLog log;
  child.slots[1].begun = 41;
  CHECK(is_stuck_after(child, {.worker = child.worker, .thread = 1, .sequence = 42, .id = "r-1", .before = 41}));
  CHECK(log.contains("had still not come to it 1000 ms after edge_gateway.RequestTimeout"));
  child.slots[1].begun = 42;
  CHECK_FALSE(is_stuck_after(child, {.worker = child.worker, .thread = 1, .sequence = 42, .id = "r-1", .before = 41}));
}

TEST_CASE("a thread that reads nothing is stuck until it has heard") {
  SignalledChild child;
  CapturedLog log;
  child.slots[1].heard = 6;
  CHECK(is_stuck_after(child, {.worker = child.worker, .thread = 1, .id = "(none)", .asked = 7}));
  CHECK_FALSE(log.contains("edge_gateway.RequestTimeout"));
  child.slots[1].heard = 7;
  CHECK_FALSE(is_stuck_after(child, {.worker = child.worker, .thread = 1, .id = "(none)", .asked = 7}));
}

TEST_CASE("a stuck request may be forgotten at any time" * doctest::skip(kSignalsWait)) {
  SignalledChild child;
  child.slots[1].running = 42;
  bool called = false;
  std::optional<StuckRequest> stuck(std::in_place, child.loop, "shop", *child.stacks,
                                    ExpiredRequest{child.worker, 1, 42, "r-1"}, [&called](bool) { called = true; });
  SUBCASE("before the stacks") {}
  SUBCASE("behind them") {
    child.run_until([&child] { return child.slots[1].interrupted == 42; });
  }
  stuck.reset();
  CHECK(child.ask() == kDump);
  CHECK_FALSE(called);
}

TEST_CASE("request_timeout with somebody who deals with it: 504 first, the worker lives, then it has had its chance") {
  bool leaves = false;
  bool ends = false;
  SUBCASE("a client that waits, a request that does not end") {}
  SUBCASE("a client that waits, a request that ends") {
    ends = true;
  }
  SUBCASE("a client that leaves, a request that does not end") {
    leaves = true;
  }
  SUBCASE("a client that leaves, a request that ends") {
    leaves = ends = true;
  }
  FakeApp app;
  app.limit_requests(Milliseconds(1'000));
  CapturedLog log;
  IdleChild child;
  FakeThread& thread = app.add_worker(2, child.pid()).threads[1];
  const Slot& slot = *thread.slot;
  app.queue.close(*app.workers.front().threads[0].slot, 0);
  std::vector<ExpiredRequest> expired;
  app.lane.on_timeout([&expired](ExpiredRequest request) { expired.push_back(std::move(request)); });
  FakeExchange exchange(app, "GET", "/slow");
  exchange.begin();
  const std::uint64_t sequence = app.next_request(thread).header.sequence;
  if (leaves) exchange.leave();
  app.limit_requests(Milliseconds(ends ? 60'000 : 1'000));  // the time that it has from then on
  app.run_until([&expired] { return !expired.empty(); });
  CHECK(exchange.status() == (leaves ? 499 : 504));
  CHECK(expired[0].worker.get() == &slot.worker);
  CHECK(expired[0].thread == 1);
  CHECK(expired[0].sequence == sequence);
  CHECK(expired[0].id == exchange.fake.request.id());
  CHECK(child.ended_by() == 0);
  CHECK(log.contains(fmt::format("ran longer than request_timeout ({} ms)\n", app.app.request_timeout.count())));
  if (ends) {
    thread.frame(sequence, "", wire::kLast | wire::kFailed);
    FakeExchange next(app, "GET", "/next");
    next.begin();
    thread.answer(app.next_request(thread).header.sequence, 200, {}, "");
    CHECK(next.status() == 200);
    CHECK(child.ended_by() == 0);
  } else {
    app.run_until([&child] { return child.ended_by() == SIGKILL; });
    CHECK(log.contains("the worker is killed"));
  }
  CHECK(expired.size() == 1);
}

TEST_CASE("cancel_on_disconnect interrupts the running request of a client that leaves") {
  FakeApp app;
  AppHandler cancels(app.lane, "", true);
  IdleChild child;
  FakeWorker& worker = app.add_worker(1, child.pid());
  const auto shared = [&worker] {
    wire::SharedSlot slot;
    REQUIRE(pread(worker.process->memory(), &slot, sizeof slot, 0) == sizeof slot);
    return slot;
  };
  const auto leave = [&](AppHandler& handler, std::string_view method) {
    FakeRequest fake(app.loop, method, "/");
    Task<Response> task = handler.handle(fake.request);
    const std::uint64_t sequence = app.next_request(worker.threads[0]).header.sequence;
    fake.request.cancellation.request();
    app.run_until([&task] { return task.done(); });
    CHECK(task.take().status == 499);
    CHECK(shared().cancelled == sequence);
    worker.threads[0].frame(sequence, "", wire::kLast | wire::kFailed);
    app.turn();
    return sequence;
  };
  CHECK(shared().interrupted != leave(app.handler, "GET"));  // not without the setting
  CHECK(child.ended_by() == 0);
  CHECK(shared().interrupted != leave(cancels, "POST"));  // nor what is not safe
  CHECK(child.ended_by() == 0);
  CHECK(leave(cancels, "GET") == shared().interrupted);
  CHECK(shared().reason == wire::kClientDisconnected);
  app.run_until([&child] { return child.ended_by() == wire::kInterruptSignal; });  // which it does not handle
}
