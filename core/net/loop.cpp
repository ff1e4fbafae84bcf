// One event-loop thread on libuv.
#include "core/net/loop.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include "core/http/date.h"

namespace edge {
namespace {

constexpr std::uint64_t kFired = 1;  // in place of a time that is to come

}  // namespace

struct Loop::PostedQueue {
  std::mutex mutex;
  std::vector<std::move_only_function<void()>> waiting;  // guarded by mutex
  std::vector<std::move_only_function<void()>> running;  // the loop's thread only
};

Loop::Loop(int index) : posted_(std::make_unique<PostedQueue>()), index_(index) {
  if (uv_loop_init(&uv_) != 0) std::abort();  // out of descriptors before anything was started
  uv_.data = this;
  uv_async_init(&uv_, &wake_, [](uv_async_t* handle) {
    auto& queue = *static_cast<Loop*>(handle->loop->data)->posted_;
    {
      const std::lock_guard lock(queue.mutex);
      queue.running.swap(queue.waiting);
    }
    for (auto& work : queue.running) work();
    queue.running.clear();
  });
  uv_timer_init(&uv_, &timer_);
  uv_unref(reinterpret_cast<uv_handle_t*>(&timer_));
  turn_ends_.next_ = turn_ends_.previous_ = &turn_ends_;
  uv_prepare_init(&uv_, &before_waiting_);
  uv_prepare_start(&before_waiting_, [](uv_prepare_t* h) { static_cast<Loop*>(h->loop->data)->run_turn_ends(); });
  uv_unref(reinterpret_cast<uv_handle_t*>(&before_waiting_));
  uv_check_init(&uv_, &after_events_);
  uv_check_start(&after_events_, [](uv_check_t* handle) {
    Loop& loop = *static_cast<Loop*>(handle->loop->data);
    loop.run_turn_ends();
    if (loop.timer_due_ != kFired) return;
    loop.run_deadlines();
    loop.run_turn_ends();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&after_events_));
}

Loop::~Loop() {
  uv_walk(
      &uv_,
      [](uv_handle_t* handle, void*) {
        if (!uv_is_closing(handle)) uv_close(handle, nullptr);
      },
      nullptr);
  uv_run(&uv_, UV_RUN_DEFAULT);
  if (uv_loop_close(&uv_) != 0) std::abort();  // a handle outlived its loop: a bug
}

void Loop::run() {
  uv_run(&uv_, UV_RUN_DEFAULT);
}

void Loop::stop() {
  uv_stop(&uv_);
}

void Loop::post(std::move_only_function<void()> work) {
  bool first;
  {
    const std::lock_guard lock(posted_->mutex);
    first = posted_->waiting.empty();
    posted_->waiting.push_back(std::move(work));
  }
  if (first) uv_async_send(&wake_);
}

std::int64_t Loop::unix_seconds() {
  if (clock_read_at_ != now()) {
    timespec time{};
    clock_gettime(CLOCK_REALTIME_COARSE, &time);
    unix_seconds_ = time.tv_sec;
    clock_read_at_ = now();
  }
  return unix_seconds_;
}

std::string_view Loop::http_date() {
  if (const std::int64_t seconds = unix_seconds(); seconds != date_of_) {
    format_http_date(seconds, date_);
    date_of_ = seconds;
  }
  return {date_, kHttpDateSize};
}

void Loop::at_turn_end(TurnEnd& work) {
  if (work.next_) return;
  work.previous_ = turn_ends_.previous_;
  work.next_ = &turn_ends_;
  work.previous_->next_ = &work;
  turn_ends_.previous_ = &work;
}

void Loop::run_turn_ends() {
  while (turn_ends_.next_ != &turn_ends_) {
    TurnEnd* const work = turn_ends_.next_;
    work->unlist();
    work->on_turn_end();
  }
  ++turn_;
}

void Loop::arm(Deadline& deadline, Milliseconds after) {
  if (after.count() <= 0) return deadline.disarm();
  const auto duration = static_cast<std::uint64_t>(after.count());
  DeadlineList* list = nullptr;
  for (const auto& candidate : deadlines_) {
    if (candidate->after() == duration) {
      list = candidate.get();
      break;
    }
  }
  if (!list) list = deadlines_.emplace_back(std::make_unique<DeadlineList>(duration)).get();
  list->arm(deadline, now());
  if (const std::uint64_t due = now() + duration; timer_due_ == 0 || due < timer_due_) arm_timer(due);
}

void Loop::arm_timer(std::uint64_t due) {
  timer_due_ = due;
  // libuv runs timers before it looks for events. When the loop comes late, what a deadline waits for may be there.
  const auto fire = [](uv_timer_t* handle) {
    Loop& loop = *static_cast<Loop*>(handle->loop->data);
    loop.timer_due_ = kFired;
    uv_async_send(&loop.wake_);  // so that it looks without waiting
  };
  uv_timer_start(&timer_, fire, due > now() ? due - now() : 0, 0);
}

void Loop::run_deadlines() {
  // While timer_due_ is kFired, what is armed need not start the timer: it is started below.
  for (std::size_t i = 0; i < deadlines_.size(); ++i) deadlines_[i]->run_due(now());  // may append
  timer_due_ = 0;
  std::uint64_t next = ~std::uint64_t{0};
  for (const auto& list : deadlines_) {
    if (!list->empty()) next = std::min(next, list->first_due());
  }
  if (next != ~std::uint64_t{0}) arm_timer(next);
}

}  // namespace edge
