// One loop's channels to the workers of one app.
#include "appserver/app_lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "core/uwsgi/vars.h"

namespace edge {

namespace {

constexpr std::size_t kMostFreeCalls = 64;

}  // namespace

AppLane::AppLane(Loop& loop, AppQueue& queue, std::shared_ptr<const config::App> app, std::string spool_directory)
    : loop_(loop), queue_(queue), app_(std::move(app)), spool_directory_(std::move(spool_directory)) {}

AppLane::~AppLane() {
  assert(channels_.empty() && "a lane was destroyed before it was closed");
}

CallRef AppLane::call() {
  if (free_calls_.empty()) return CallRef(new AppCall(*this));
  AppCall* const call = free_calls_.back().release();
  free_calls_.pop_back();
  return CallRef(call);
}

void AppLane::recycle(AppCall& call) {
  std::unique_ptr<AppCall> owned(&call);
  owned->reset();
  if (free_calls_.size() < kMostFreeCalls) free_calls_.push_back(std::move(owned));
}

Error AppLane::queue_is_full() const {
  return {ErrorKind::unavailable, Side::app, false,
          fmt::format("the queue of app {} is full ({} requests wait)", app_->name, app_->queue)};
}

Result<void> AppLane::add_worker(const std::shared_ptr<WorkerProcess>& worker, std::vector<UniqueFd> answers) {
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Slot& slot = *worker->slots()[i];
    auto channel = std::make_unique<AnswerChannel>(*this, worker, slot);
    if (!channel->open(std::move(answers[i]))) {
      return fail(ErrorKind::internal, Side::ours, "a loop cannot watch a worker's answers");
    }
    slot.channels[static_cast<std::size_t>(loop_.index())] = channel.get();
    channels_.push_back(*channel.release());
  }
  return {};
}

void AppLane::worker_gone(const WorkerProcess& worker, std::string_view how) {
  for (const auto& slot : worker.slots()) {
    if (AnswerChannel* const channel = slot->channels[static_cast<std::size_t>(loop_.index())]) {
      channel->worker_gone(how);
    }
  }
}

void AppLane::cut_off(const WorkerProcess* worker, std::string_view why) {
  const Event event(*this);
  for (AnswerChannel* channel = channels_.front(); channel; channel = channels_.after(*channel)) {
    if (!worker || &channel->worker() == worker) channel->cut_off(why);
  }
}

std::vector<RunningRequest> AppLane::running() const {
  std::vector<RunningRequest> all;
  for (const AnswerChannel* channel = channels_.front(); channel; channel = channels_.after(*channel)) {
    channel->add_running(all);
  }
  return all;
}

void AppLane::close(std::move_only_function<void()> done) {
  disarm();
  if (channels_.empty()) return done();
  when_closed_ = std::move(done);
  for (AnswerChannel* channel = channels_.front(); channel; channel = channels_.after(*channel)) {
    channel->shut("the app was stopped");
  }
}

void AppLane::channel_closed(AnswerChannel& channel) {
  channels_.remove(channel);
  delete &channel;
  if (channels_.empty() && when_closed_) std::exchange(when_closed_, nullptr)();
}

std::string_view AppLane::encode(Request& request, std::string_view script_name,
                                 std::optional<std::uint64_t> content_length) {
  if (!packet_) packet_.reset(new char[uwsgi::kHeaderSize + uwsgi::kMaxBlock]);
  uwsgi::BlockWriter block(packet_.get() + uwsgi::kHeaderSize, uwsgi::kMaxBlock);
  uwsgi::add_vars(request, script_name, content_length, block);
  if (block.overflowed()) return {};
  uwsgi::encode_header({.block_size = static_cast<std::uint16_t>(block.size())}, packet_.get());
  return {packet_.get(), uwsgi::kHeaderSize + block.size()};
}

void AppLane::wake(AppCall& call) {
  woken_.push_back(call);
}

void AppLane::run_woken() {
  if (running_woken_) return;
  running_woken_ = true;
  while (AppCall* const call = woken_.pop_front()) call->resume();
  running_woken_ = false;
}

void AppLane::watch_slots() {
  if (!armed()) loop_.arm(*this, AppQueue::kLongService);
}

void AppLane::on_deadline() {
  const Event event(*this);
  std::optional<Milliseconds> again;
  for (AnswerChannel* channel = channels_.front(); channel; channel = channels_.after(*channel)) {
    const AppQueue::Look look = queue_.take_back_if_slow(channel->slot(), loop_.index());
    if (look.again) again = std::min(*look.again, again.value_or(*look.again));
    if (look.ask) channel->ask_whether_it_hears();
    if (look.stuck) channel->is_stuck(look);
  }
  if (again && !armed()) loop_.arm(*this, *again);
}

}  // namespace edge
