// A call's way through the queue: asking, sending, waiting, failing, leaving. Its answer is in app_call_answer.cpp.
#include "appserver/app_call.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "appserver/answer_channel.h"
#include "appserver/app_lane.h"
#include "core/http/request.h"
#include "core/http/request_spool.h"
#include "core/log.h"

namespace edge {

namespace {

constexpr std::size_t kMostTold = 200;  // bytes of a target that are kept behind its request
constexpr Milliseconds kBetweenInterrupts{200};
constexpr unsigned kMostInterrupts = 5;

}  // namespace

AppCall::AppCall(AppLane& lane) : Ticket(lane.loop().index()), lane_(lane) {}

AppCall::~AppCall() {
  assert(!channel_ && !waiter_ && !woken_);
}

void AppCall::begin(Request& request, std::string_view script_name, const RequestSpool& body,
                    bool cancel_on_disconnect) {
  request_ = &request;
  cancels_ = cancel_on_disconnect && is_safe(request.method);
  body_ = &body;
  script_name_ = script_name;
  begun_at_ = lane_.loop().now();
  const std::string_view packet = encode();
  if (packet.empty()) {
    return fail({ErrorKind::headers_too_large, Side::client, false, "the request's variables exceed a uwsgi packet"});
  }
  const std::string& app = lane_.app().name;
  Slot* slot = nullptr;
  switch (lane_.queue().acquire(*this, slot)) {
    case AppQueue::Outcome::granted:
      return send(*slot, packet);
    case AppQueue::Outcome::waiting:
      return wait_in_queue();
    case AppQueue::Outcome::full:
      return fail(lane_.queue_is_full());
    case AppQueue::Outcome::closed:
      return fail({ErrorKind::unavailable, Side::app, false, fmt::format("app {} is stopping", app)});
  }
}

std::string_view AppCall::encode() {
  std::optional<std::uint64_t> length = body_->length();
  if (length == 0 && !request_->headers.find(HeaderName::content_length)) length.reset();  // none was announced
  return lane_.encode(*request_, script_name_, length);
}

void AppCall::wait_in_queue() {
  lane_.loop().arm(*this, std::max(queue_time_left(), Milliseconds(1)));
}

/// Counted from the beginning, also of a request that workers were sent and did not read.
Milliseconds AppCall::queue_time_left() const {
  return lane_.app().queue_timeout - Milliseconds(lane_.loop().now() - begun_at_);
}

void AppCall::send(Slot& slot, std::string_view packet) {
  const auto loop = static_cast<std::uint32_t>(lane_.loop().index());
  wire::RequestHeader header;
  header.sequence = sequence();
  header.loop = loop;
  header.body_size = body_->length().value_or(0);
  channel_ = slot.channels[loop];
  header.place = channel_->expect(*this);
  const auto try_once = [&] { return slot.mailbox.send(header, packet, body_->bytes(), body_->file()); };
  Mailbox::Sent sent = try_once();
  if (sent == Mailbox::Sent::full) sent = try_once();  // it may have been emptied meanwhile: put_back() must not fail
  switch (sent) {
    case Mailbox::Sent::sent:
      slot.count_sent();
      sent_at_ = lane_.loop().now();
      request_->upstream.queue_time = sent_at_ - begun_at_;
      watch_answer();
      // Who has not read it by the end of queue_timeout does not keep it from its end.
      if (queue_time_left() < lane_.app().request_timeout) wait_in_queue();
      lane_.watch_slots();
      return;
    case Mailbox::Sent::full:
      if (channel_->is_asgi()) lane_.watch_stuffed_slots();
      leave_channel();
      wait_in_queue();  // before put_back(), which may find another slot at once
      if (!lane_.queue().put_back(*this)) {
        fail({ErrorKind::internal, Side::ours, false,
              fmt::format("a request of {} bytes does not fit into an empty mailbox",
                          packet.size() + header.body_size)});
      }
      return;
    case Mailbox::Sent::failed:
      const int reason = errno;
      leave_channel();
      lane_.queue().lose(*this);
      fail({ErrorKind::internal, Side::ours, false,
            fmt::format("cannot send to a worker of app {}: {}", lane_.app().name, std::strerror(reason))});
  }
}

void AppCall::on_granted(Slot& slot) {
  const AppLane::Event event(lane_);
  leave_channel();  // it was taken back from there
  if (abandoned()) {
    lane_.queue().lose(*this);
    return retire_soon();
  }
  if (queue_time_left() <= Milliseconds(0)) {
    lane_.queue().lose(*this, AppQueue::Why::timed_out);  // no worker that it was sent to has read it
    return fail_in_queue();
  }
  send(slot, encode());
}

void AppCall::on_refused() {
  const AppLane::Event event(lane_);
  leave_channel();
  if (abandoned()) return retire_soon();
  fail({ErrorKind::unavailable, Side::app, false, fmt::format("app {} is stopping", lane_.app().name)});
}

/// Further up the stack take_back() still needs it.
void AppCall::retire_soon() {
  if (taking_back_) {
    retires_ = true;
  } else {
    retire();
  }
}

/// What its worker has not read. retires_ is set when nobody wants this one, and a worker was granted to it.
void AppCall::take_back() {
  taking_back_ = true;
  lane_.queue().take_back(channel_->slot(), lane_.loop().index());
  taking_back_ = false;
  lane_.watch_slots();
}

void AppCall::on_deadline() {
  const AppLane::Event event(lane_);
  if (channel_) {
    take_back();  // another worker shall have it
    if (retires_) return retire();
    if (armed()) return;  // it has another one already
    if (lane_.queue().is_held(*this)) {
      const std::uint64_t now = lane_.loop().now();
      if (now >= answer_due_) return expire();
      return lane_.loop().arm(*this, std::min(Milliseconds(answer_due_ - now), interrupt_again()));
    }
    leave_channel();
    if (abandoned()) {
      lane_.queue().withdraw(*this, AppQueue::Why::left);
      return retire();
    }
    if (queue_time_left() > Milliseconds(0)) return wait_in_queue();
    lane_.queue().withdraw(*this, AppQueue::Why::timed_out);
    fail_in_queue();
  } else {
    lane_.queue().withdraw(*this, AppQueue::Why::timed_out);
    fail_in_queue();
  }
}

void AppCall::fail_in_queue() {
  if (request_) request_->upstream.queue_time = lane_.loop().now() - begun_at_;
  fail({ErrorKind::unavailable, Side::app, false,
        fmt::format("no worker of app {} was free within queue_timeout ({} ms)", lane_.app().name,
                    lane_.app().queue_timeout.count())});
}

/// The first time the client is answered, and the worker has a chance; the second time it has had it, unless it has
/// other requests: then it is leaving already, or serves them all the same.
void AppCall::expire() {
  WorkerProcess& worker = channel_->slot().worker;
  const bool first = !std::exchange(expired_, true);
  reported_ = true;
  if (!first && worker.is_asgi() && lane_.deals_with_timeouts()) return outlive_cancel();
  const bool spared = lane_.deals_with_timeouts() && (first || lane_.app().threads > 1 || worker.is_asgi());
  log::error("[{}] worker {} (pid {}): {} ran longer than request_timeout ({} ms){}", lane_.app().name, worker.number(),
             worker.pid(), description(), lane_.app().request_timeout.count(), spared ? "" : "; the worker is killed");
  fail({ErrorKind::timed_out, Side::app, false,
        fmt::format("app {} did not answer within request_timeout", lane_.app().name)});
  if (!spared) return channel_->kill_worker();
  watch_answer();
  if (worker.is_asgi()) {
    cancel_count_ = worker.count_cancel();
    channel_->notify(*this, wire::kCancel, wire::kRequestTimeout);
  }
  ExpiredRequest request{.worker = worker.shared_from_this(),
                         .thread = worker.thread_of(channel_->slot()),
                         .sequence = sequence(),
                         .id = std::string(id()),
                         .asked = worker.is_asgi() ? worker.cancels() : 0};
  const std::uint64_t begun = worker.begun(request.thread);
  if (!worker.is_asgi() && begun != sequence()) request.before = begun;
  lane_.request_timed_out(std::move(request));
}

/// It would keep its place for ever. An event loop that is blocked is dealt with by who interrupts it.
void AppCall::outlive_cancel() {
  WorkerProcess& worker = channel_->slot().worker;
  if (worker.heard(0) < cancel_count_) return watch_answer();
  log::error("[{}] worker {} (pid {}): {} goes on {} ms after its task was cancelled", lane_.app().name,
             worker.number(), worker.pid(), description(), lane_.app().request_timeout.count());
  lane_.request_timed_out(
      {.worker = worker.shared_from_this(), .sequence = sequence(), .id = std::string(id()), .ignores_cancel = true});
}

void AppCall::cancel() {
  error_ = {ErrorKind::closed, Side::client, false, "the client has gone"};
  if (woken_) lane_.forget_woken(*this);
  woken_ = false;
  std::exchange(waiter_, {}).resume();
}

void AppCall::fail(Error error) {
  disarm();
  if (!error_) error_ = std::move(error);
  wake_if_ready();
}

void AppCall::lose(std::string_view how) {
  if (!reported_) log::error("[{}] {} while it answered {}", lane_.app().name, how, description());
  if (abandoned()) return retire();
  fail({ErrorKind::bad_gateway, Side::app, is_repeatable(), std::string(how)});
}

void AppCall::cut_off(std::string_view why) {
  reported_ = true;
  log::error("[{}] worker {} (pid {}): {} was cut off after {} ms: {}", lane_.app().name, channel_->worker().number(),
             channel_->worker().pid(), description(), lane_.loop().now() - sent_at_, why);
  if (!abandoned()) fail({ErrorKind::timed_out, Side::app, is_repeatable(), fmt::format("cut off: {}", why)});
}

bool AppCall::is_repeatable() const {
  return status_ == 0 && request_ && is_safe(request_->method);
}

void AppCall::wake_if_ready() {
  if (!waiter_ || woken_ || !awaited_is_here()) return;
  woken_ = true;
  lane_.wake(*this);
}

void AppCall::resume() {
  woken_ = false;
  request_->cancellation.leave();
  std::exchange(waiter_, {}).resume();
}

void AppCall::leave_channel() {
  if (channel_) std::exchange(channel_, nullptr)->forget(*this);
}

void AppCall::let_go() {
  if (woken_) lane_.forget_woken(*this);
  woken_ = false;
  Request& request = *std::exchange(request_, nullptr);
  const bool left = !error_ || error_->kind == ErrorKind::closed;
  if (!over_ && left && !lane_.queue().is_held(*this)) request.upstream.queue_time = lane_.loop().now() - begun_at_;
  slices_.clear();
  share_.give_back();
  sending_ = {};
  if (over_ || lane_.queue().withdraw(*this, AppQueue::Why::left)) return retire();
  left_id_ = request.id();
  left_behind_ = fmt::format("{} ({} {})", left_id_, request.method_name, request.target.substr(0, kMostTold));
  if (wanted_ && leave_unread()) return;
  watch_answer();
  if (wanted_) cancel_answer();
  channel_->resume_reading();
}

/// A worker's slot has one word for what is cancelled, so it must not be used for what the worker is not at.
bool AppCall::leave_unread() {
  const Slot& slot = channel_->slot();
  if (channel_->is_asgi() || slot.worker.begun(slot.worker.thread_of(slot)) == sequence()) return false;
  take_back();
  if (!retires_ && !lane_.queue().withdraw(*this, AppQueue::Why::left)) return false;  // it has just been read
  retire();
  return true;
}

void AppCall::cancel_answer() {
  Slot& slot = channel_->slot();
  if (channel_->is_asgi()) {
    channel_->notify(*this, wire::kLeft);
    if (!cancels_ || expired_) return;
    slot.worker.count_cancel();
    return channel_->notify(*this, wire::kCancel, wire::kClientDisconnected);
  }
  slot.cancel(sequence());
  if (!cancels_ || expired_) return;
  interrupts_left_ = kMostInterrupts;
  lane_.loop().arm(*this, std::min(lane_.app().request_timeout, interrupt_again()));
}

/// A signal that comes just before the thread begins to wait is seen by CPython only behind that wait.
Milliseconds AppCall::interrupt_again() {
  if (interrupts_left_ == 0) return Milliseconds::max();
  --interrupts_left_;
  const Slot& slot = channel_->slot();
  slot.worker.interrupt(slot.worker.thread_of(slot), sequence(), wire::kClientDisconnected);
  return kBetweenInterrupts;
}

void AppCall::retire() {
  leave_channel();
  lane_.recycle(*this);
}

std::string_view AppCall::id() const {
  return request_ ? request_->id() : std::string_view(left_id_);
}

std::string AppCall::description() const {
  if (!request_) return fmt::format("request {}, whose client has {}", left_behind_, wanted_ ? "gone" : "all of it");
  return fmt::format("request {} ({} {})", request_->id(), request_->method_name, request_->target);
}

RunningRequest AppCall::running() const {
  RunningRequest running{.milliseconds = lane_.loop().now() - sent_at_, .client_gone = abandoned()};
  if (request_) {
    running.id = request_->id();
    running.method = request_->method_name;
    running.target = request_->target.substr(0, kMostTold);
  } else {
    running.target = left_behind_;
  }
  return running;
}

bool AppCall::Wait::await_ready() const {
  if (call_.awaited_is_here()) return true;
  if (!call_.request_->cancellation.requested()) return false;
  call_.error_ = {ErrorKind::closed, Side::client, false, "the client has gone"};
  return true;
}

void AppCall::Wait::await_suspend(std::coroutine_handle<> waiter) const {
  call_.waiter_ = waiter;
  call_.request_->cancellation.enter(call_);
}

Result<void> AppCall::Wait::await_resume() const {
  if (call_.error_ && !(call_.has_chunk() && !call_.wants_head_)) return std::unexpected(*call_.error_);
  return {};
}

AppCall::Wait AppCall::head() {
  wants_head_ = true;
  return Wait(*this);
}

AppCall::Wait AppCall::more() {
  wants_head_ = false;
  return Wait(*this);
}

}  // namespace edge
