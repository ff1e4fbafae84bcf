// AppQueue: which slot a request gets, waiting, taking back, cancelling, and several loops at once.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "appserver/app_queue.h"
#include "support/queue_house.h"

using namespace edge;
using namespace edge::test;
using namespace std::chrono_literals;

TEST_CASE("the most recently used idle slot is taken") {
  House house(3);
  TestTicket a, b, c;
  REQUIRE(a.acquire(house.queue) == Outcome::granted);
  REQUIRE(b.acquire(house.queue) == Outcome::granted);
  Slot* const last = a.slot;
  CHECK(a.slot != b.slot);
  house.queue.finish(b);
  house.queue.finish(a);
  REQUIRE(c.acquire(house.queue) == Outcome::granted);
  CHECK(c.slot == last);
  CHECK(house.queue.busy(*house.worker) == 1);
  house.queue.finish(c);
}

TEST_CASE("requests wait in order, up to the limit") {
  House house(1, {.waiting = 2, .depth = 1});
  TestTicket a, b, c, d;
  CHECK(a.acquire(house.queue) == Outcome::granted);
  CHECK(b.acquire(house.queue) == Outcome::waiting);
  CHECK(c.acquire(house.queue) == Outcome::waiting);
  CHECK(d.acquire(house.queue) == Outcome::full);
  house.queue.finish(a);
  CHECK(b.grants == 1);
  CHECK(c.grants == 0);
  CHECK(d.acquire(house.queue) == Outcome::waiting);
  house.queue.finish(b);
  CHECK(c.grants == 1);
  house.queue.finish(c);
  CHECK(d.grants == 1);
  house.queue.finish(d);
}

TEST_CASE("a slot takes requests ahead once its service time is known to be short, the least loaded first") {
  House house(2, {.waiting = 10, .depth = 2, .work_ahead = kAnyWork});
  TestTicket cold_a, cold_b, cold_c;
  CHECK(cold_a.acquire(house.queue) == Outcome::granted);
  CHECK(cold_b.acquire(house.queue) == Outcome::granted);
  CHECK(cold_c.acquire(house.queue) == Outcome::waiting);  // nothing is known of either slot
  house.queue.finish(cold_a);
  house.queue.finish(cold_b);
  house.queue.finish(cold_c);
  house.warm(2);

  TestTicket a, b, c, d, e;
  CHECK(a.acquire(house.queue) == Outcome::granted);
  CHECK(b.acquire(house.queue) == Outcome::granted);
  CHECK(c.acquire(house.queue) == Outcome::granted);
  CHECK((c.slot == a.slot || c.slot == b.slot));  // behind another
  CHECK(d.acquire(house.queue) == Outcome::granted);
  CHECK(d.slot != c.slot);
  CHECK(e.acquire(house.queue) == Outcome::waiting);
  for (TestTicket* ticket : {&a, &b, &c, &d, &e}) house.queue.finish(*ticket);
}

TEST_CASE("a slot whose requests take longer takes none ahead") {
  House house(1, {.waiting = 10, .depth = 2, .work_ahead = std::chrono::microseconds(0)});
  house.warm(1);
  TestTicket a, b;
  CHECK(a.acquire(house.queue) == Outcome::granted);
  CHECK(b.acquire(house.queue) == Outcome::waiting);
  house.queue.finish(a);
  house.queue.finish(b);
}

TEST_CASE("a slot takes as much ahead as makes little work") {
  House house(1);
  TestTicket first, a, b, c;
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(first.acquire(house.queue) == Outcome::granted);
  std::this_thread::sleep_for(20ms);
  house.queue.finish(first);
  const auto took = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  house.queue.set_limits({.waiting = 10, .work_ahead = took});
  for (TestTicket* ticket : {&a, &b}) CHECK(ticket->acquire(house.queue) == Outcome::granted);
  CHECK(c.acquire(house.queue) == Outcome::waiting);  // behind the work of one, but not of two
  for (TestTicket* ticket : {&a, &b, &c}) house.queue.finish(*ticket);
}

TEST_CASE("a depth of 1 hands nothing ahead") {
  House house(1, {.waiting = 10, .depth = 1});
  house.warm(1);
  TestTicket a, b;
  CHECK(a.acquire(house.queue) == Outcome::granted);
  CHECK(b.acquire(house.queue) == Outcome::waiting);
  CHECK(house.queue.withdraw(b, AppQueue::Why::left));
  house.queue.finish(a);
}

TEST_CASE("a ticket that waits can be withdrawn, one that is held cannot") {
  House house(1, {.waiting = 10, .depth = 1});
  TestTicket a, b, c;
  CHECK(a.acquire(house.queue) == Outcome::granted);
  CHECK(b.acquire(house.queue) == Outcome::waiting);
  CHECK(c.acquire(house.queue) == Outcome::waiting);
  CHECK(house.queue.withdraw(b, AppQueue::Why::left));
  CHECK_FALSE(house.queue.withdraw(a, AppQueue::Why::left));
  house.queue.finish(a);
  CHECK(b.grants == 0);
  CHECK(c.grants == 1);
  house.queue.finish(c);
  CHECK(house.queue.withdraw(c, AppQueue::Why::left));  // out already
}

TEST_CASE("what a lost worker has not read waits in front of the others, in its order") {
  House house(1, {.waiting = 10, .depth = 3, .work_ahead = kAnyWork});
  house.warm(1);
  TestTicket a, b, c, d;
  for (TestTicket* ticket : {&a, &b, &c}) {
    REQUIRE(ticket->acquire(house.queue) == Outcome::granted);
    ticket->send();
  }
  REQUIRE(d.acquire(house.queue) == Outcome::waiting);
  REQUIRE(house.slot(0).mailbox.take_back()->sequence == a.sequence());  // the worker reads the first, and dies
  house.queue.close(house.slot(0), 0);
  CHECK(house.queue.lose(a));
  CHECK_FALSE(house.queue.lose(b));

  const auto second = *WorkerProcess::create(1, 2, 1);
  house.queue.open(*second->slots()[0], 0);
  CHECK(b.grants == 1);
  CHECK(b.slot == second->slots()[0].get());
  CHECK(c.grants == 0);
  house.queue.open(*second->slots()[1], 0);
  CHECK(c.grants == 1);
  house.queue.finish(b);
  CHECK(d.grants == 1);
  house.queue.finish(c);
  house.queue.finish(d);
  for (const auto& slot : second->slots()) house.queue.close(*slot, 0);
}

TEST_CASE("a full mailbox puts the request back in front, and the slot gets nothing until it has answered") {
  House house(1, {.waiting = 10, .depth = 4, .work_ahead = kAnyWork});
  house.warm(1);
  TestTicket a, b, c;
  REQUIRE(a.acquire(house.queue) == Outcome::granted);
  REQUIRE(b.acquire(house.queue) == Outcome::granted);
  CHECK(house.queue.put_back(b));
  CHECK(c.acquire(house.queue) == Outcome::waiting);
  CHECK(b.grants == 0);
  house.queue.finish(a);
  CHECK(b.grants == 1);
  CHECK(c.grants == 1);
  house.queue.finish(b);
  house.queue.finish(c);
}

TEST_CASE("a message that does not fit into an empty mailbox is not put back") {
  House house(1);
  TestTicket a, b;
  REQUIRE(a.acquire(house.queue) == Outcome::granted);
  CHECK_FALSE(house.queue.put_back(a));
  CHECK(b.acquire(house.queue) == Outcome::granted);
  house.queue.finish(b);
}

TEST_CASE("what was handed ahead is taken back when the request before it runs long") {
  House house(2, {.waiting = 10, .depth = 2, .work_ahead = kAnyWork});
  house.warm(2);
  TestTicket a, b, ahead;
  const auto begun = std::chrono::steady_clock::now();
  REQUIRE(a.acquire(house.queue) == Outcome::granted);
  REQUIRE(b.acquire(house.queue) == Outcome::granted);
  REQUIRE(ahead.acquire(house.queue) == Outcome::granted);
  Slot& slow = *ahead.slot;
  ahead.send();
  while (house.queue.take_back_if_slow(slow, 0).again) std::this_thread::yield();
  CHECK(std::chrono::steady_clock::now() - begun >= AppQueue::kLongService);
  TestTicket& other = a.slot == &slow ? b : a;
  TestTicket& long_one = a.slot == &slow ? a : b;
  CHECK(ahead.grants == 1);  // the other slot is quick still, and took it at once
  CHECK(ahead.slot == other.slot);
  CHECK_FALSE(slow.mailbox.take_back());
  TestTicket next;
  CHECK(next.acquire(house.queue) == Outcome::waiting);  // nothing is handed to the slow one
  for (TestTicket* ticket : {&other, &ahead, &long_one, &next}) house.queue.finish(*ticket);
}

TEST_CASE("stopping answers what waits, refuses what is new, and reports when all is done") {
  Loop main;
  House house(1, {.waiting = 10, .depth = 1});
  TestTicket a, b, late;
  REQUIRE(a.acquire(house.queue) == Outcome::granted);
  REQUIRE(b.acquire(house.queue) == Outcome::waiting);
  bool idle = false;
  house.queue.stop(main, [&] {
    idle = true;
    main.stop();
  });
  CHECK(late.acquire(house.queue) == Outcome::closed);
  house.queue.finish(a);
  CHECK(b.grants == 1);
  CHECK_FALSE(idle);
  house.queue.finish(b);
  main.run();
  CHECK(idle);
}

TEST_CASE("after the deadline of a stop whatever waits is refused") {
  House house(1, {.waiting = 10, .depth = 1});
  TestTicket a, b;
  REQUIRE(a.acquire(house.queue) == Outcome::granted);
  REQUIRE(b.acquire(house.queue) == Outcome::waiting);
  house.queue.stop(house.loop, [&] { house.loop.stop(); });
  house.queue.refuse_waiting();
  CHECK(house.queue.lose(a));
  house.loop.run();
  CHECK(b.refused);
}

namespace {

/// The threads of a worker, which read requests when a Hammer says so, and what the queue asks them whenever they can.
class Threads {
 public:
  explicit Threads(WorkerProcess& worker) : worker_(worker) {}
  void read_request(Slot& slot) {
    const std::lock_guard lock(mutex_);
    while (const auto message = slot.mailbox.take_back()) {
      if ((message->flags & wire::kAsk) == 0) return;
      count_heard(slot);
    }
  }
  void hear(AppQueue& queue, int loop) {
    for (const auto& slot : worker_.slots()) {
      hear(*slot);
      queue.take_back_if_slow(*slot, loop);
    }
  }

 private:
  void hear(Slot& slot) {
    const std::lock_guard lock(mutex_);
    wire::RequestHeader header;
    const ssize_t size = recv(slot.mailbox.worker_end(), &header, sizeof header, MSG_PEEK | MSG_DONTWAIT);
    if (size <= 0 || (header.flags & wire::kAsk) == 0) return;
    slot.mailbox.take_back();
    count_heard(slot);
  }
  void count_heard(const Slot& slot) {
    const std::size_t place = worker_.thread_of(slot) * sizeof(wire::SharedSlot) + offsetof(wire::SharedSlot, heard);
    const std::uint64_t heard = worker_.heard(worker_.thread_of(slot)) + 1;
    REQUIRE(pwrite(worker_.memory(), &heard, sizeof heard, static_cast<off_t>(place)) == sizeof heard);
  }
  WorkerProcess& worker_;
  std::mutex mutex_;
};

/// One loop of several, on its thread: acquires, holds, cancels and releases at random until it has done its share.
class Hammer {
 public:
  Hammer(AppQueue& queue, Loop& loop, Threads& threads, unsigned share)
      : queue_(queue), loop_(loop), threads_(threads), left_(share) {
    for (int i = 0; i < 16; ++i) idle_.push_back(std::make_unique<Request>(*this, loop.index()));
  }
  void step() {
    if (left_ == 0 && busy_ == 0) return loop_.stop();
    while (left_ > 0 && !idle_.empty()) {
      --left_;
      ++busy_;
      Request* const request = idle_.back().release();
      idle_.pop_back();
      request->begin();
    }
    threads_.hear(queue_, loop_.index());
    loop_.post([this] { step(); });
  }
  unsigned answered = 0, cancelled = 0;

 private:
  struct Request final : Ticket {
    Request(Hammer& in, int loop) : Ticket(loop), hammer(in) {}
    void begin() {
      Slot* slot = nullptr;
      switch (hammer.queue_.acquire(*this, slot)) {
        case AppQueue::Outcome::granted:
          return on_granted(*slot);
        case AppQueue::Outcome::waiting:
          if (hammer.random_() % 4 != 0) return;
          if (hammer.queue_.withdraw(*this, AppQueue::Why::left)) ++hammer.cancelled, end();
          return;
        default:
          std::abort();
      }
    }
    void on_granted(Slot& slot) override {
      const Mailbox::Sent sent = slot.mailbox.send({.sequence = sequence()}, "packet", "");
      if (sent == Mailbox::Sent::full && hammer.queue_.put_back(*this)) return;
      ++answers_due;
      hammer.loop_.post([this, &slot] { answer(slot); });
    }
    void on_refused() override { std::abort(); }
    /// Plays the worker: reads one message of this slot, or has all of them taken back.
    void answer(Slot& slot) {
      if (--answers_due > 0) return;  // was taken back and granted again meanwhile
      if (hammer.random_() % 8 == 0) hammer.queue_.take_back(slot, hammer.loop_.index());
      if (answers_due > 0) return;
      if (hammer.queue_.withdraw(*this, AppQueue::Why::left)) {
        ++hammer.cancelled;  // was taken back and had no new slot, or one that it had not been told of
        return end();
      }
      hammer.threads_.read_request(slot);
      hammer.queue_.finish(*this);
      ++hammer.answered;
      end();
    }
    void end() {
      --hammer.busy_;
      hammer.idle_.emplace_back(this);
    }
    Hammer& hammer;
    int answers_due = 0;
  };

  AppQueue& queue_;
  Loop& loop_;
  Threads& threads_;
  unsigned left_;
  unsigned busy_ = 0;
  std::minstd_rand random_{7};
  std::vector<std::unique_ptr<Request>> idle_;
};

}  // namespace

TEST_CASE("several loops share one queue") {
  constexpr unsigned kShare = 4000;
  std::deque<Loop> loops;
  std::vector<Loop*> pointers;
  for (int i = 0; i < 3; ++i) pointers.push_back(&loops.emplace_back(i));
  AppQueue queue(pointers, {.waiting = 100, .depth = 3});
  const auto worker = *WorkerProcess::create(0, 4, 3);
  for (const auto& slot : worker->slots()) queue.open(*slot, -1);
  Threads played(*worker);
  std::deque<Hammer> hammers;
  for (Loop& loop : loops) hammers.emplace_back(queue, loop, played, kShare);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    threads.emplace_back([&, i] {
      loops[i].post([&, i] { hammers[i].step(); });
      loops[i].run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Hammer& hammer : hammers) {
    CHECK(hammer.answered > 0);
    CHECK(hammer.answered + hammer.cancelled == kShare);
  }
  bool idle = false;
  Loop main;
  queue.stop(main, [&] {
    idle = true;
    main.stop();
  });
  main.run();
  CHECK(idle);
  for (const auto& slot : worker->slots()) queue.close(*slot, -1);
}

TEST_CASE("a slot that broke off is not opened again") {
  House house(1);
  Slot& slot = house.slot(0);
  house.queue.close(slot, -1);
  house.queue.open(slot, -1);
  TestTicket a;
  CHECK(a.acquire(house.queue) == Outcome::waiting);
  CHECK(house.queue.withdraw(a, AppQueue::Why::left));
}
