// Reading a worker's answers, and what happens when it breaks off.
#include "appserver/answer_channel.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "appserver/app_lane.h"
#include "core/log.h"

namespace edge {

namespace {

constexpr Milliseconds kFateKnown{500};
constexpr std::size_t kMostRunningTold = 16;    // of one ASGI worker and loop
constexpr std::size_t kMostNotices = 4;         // unread ones for each request that the worker may have …
constexpr std::size_t kFewNotices = 64 * 1024;  // … and these on top: of requests that it never got to
constexpr int kMostFramesAtOnce = 256;          // of a ring
constexpr int kMostReadsOfTheDead = 64;         // more than any socket buffer holds: a stranger has the other end

}  // namespace

AnswerChannel::AnswerChannel(AppLane& lane, std::shared_ptr<WorkerProcess> worker, Slot& slot)
    : lane_(lane),
      worker_(std::move(worker)),
      slot_(slot),
      ring_(worker_->answers(worker_->thread_of(slot), lane.loop().index())) {}

bool AnswerChannel::open(UniqueFd answers) {
  ring_.open();
  return watch(lane_.loop(), answers.release()) == 0;
}

void AnswerChannel::on_readable() {
  const AppLane::Event event(lane_);
  // In this order: what the worker has announced is there when the announcement is read.
  const Read read = read_once();
  if (read == Read::broken || closing()) return;
  if (!read_ring()) {
    break_protocol();
  } else if (read == Read::ended) {
    on_end();
  }
}

std::string AnswerChannel::name() const {
  return fmt::format("worker {} (pid {})", worker_->number(), worker_->pid());
}

/// A worker that breaks off has died as a rule; how, is known in a moment, and belongs into the line about the request.
void AnswerChannel::on_end() {
  lane_.queue().close(slot_, lane_.loop().index());
  bool held = false;
  for (AppCall* call = calls_.front(); call && !held; call = calls_.after(*call)) held = lane_.queue().is_held(*call);
  if (!held) return break_off({});
  want_read(false);
  worker_->kill();
  lane_.loop().arm(fate_, kFateKnown);
}

AnswerChannel::Read AnswerChannel::read_once() {
  BlockRef block = lane_.blocks().current();
  char* const to = block.free();
  iovec room{to, block.room()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
  msghdr message{};
  message.msg_iov = &room;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_LEN(sizeof(int));  // room for one: the kernel drops the others, and says so
  const ssize_t size = recvmsg(fd(), &message, MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Read::nothing;
  if (size <= 0) return Read::ended;
  block.commit(static_cast<std::size_t>(size));
  if (take_descriptor(message) && parse({to, static_cast<std::size_t>(size)}, block)) return Read::some;
  return break_protocol();
}

AnswerChannel::Read AnswerChannel::break_protocol() {
  log::error("[{}] {} sent {}; it is killed", lane_.app().name, name(), why_);
  kill_worker();
  break_off(name() + " broke the protocol");
  return Read::broken;
}

/// What it delivers may bring the thread new requests, whose answers are there before this has ended: after so many the
/// other connections have their turn.
bool AnswerChannel::read_ring() {
  for (int frames = 0; frames < kMostFramesAtOnce; ++frames) {
    BlockRef block = lane_.blocks().current();
    char* const to = block.free();
    std::size_t size = 0;
    AnswerRing::Read read = ring_.read(to, size);
    if (read == AnswerRing::Read::nothing) {
      if (ring_.wait()) return true;
      read = ring_.read(to, size);
    }
    if (read != AnswerRing::Read::frame) return wrong("a record that makes no sense");
    block.commit(size);
    if (!take_frame({to, size}, block)) return false;
  }
  lane_.loop().arm(rest_of_ring_, Milliseconds(1));
  return true;
}

void AnswerChannel::read_rest_of_ring() {
  const AppLane::Event event(lane_);
  if (!closing() && !read_ring()) break_protocol();
}

/// A whole answer.
bool AnswerChannel::take_frame(std::string_view frame, const BlockRef& block) {
  AnswerFrames frames;
  AnswerFrames::Piece piece;
  AnswerFrames::Step step = frames.next(frame, piece);
  if (step == AnswerFrames::Step::broken) return wrong(frames.why());
  const bool is_whole = step == AnswerFrames::Step::piece && piece.head_complete && piece.last && frame.empty();
  if (!is_whole || piece.failed || piece.file) return wrong("a record that is not a whole answer");
  return deliver(piece, block);
}

/// Keeps the descriptor that came with what was read. No read goes beyond the bytes that one was sent with, so there is
/// one at most.
bool AnswerChannel::take_descriptor(const msghdr& message) {
  const cmsghdr* const part = CMSG_FIRSTHDR(&message);
  const bool cut_off = (message.msg_flags & MSG_CTRUNC) != 0;
  if (!part && !cut_off) return true;
  const bool has_one_already = file_ || file_lost_;
  if (part && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
    int descriptor;
    std::memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
    file_ = UniqueFd(descriptor);
    if (cut_off) return wrong("several descriptors at once");
  } else {
    file_lost_ = true;
  }
  return !has_one_already || wrong("a second descriptor for one frame");
}

bool AnswerChannel::parse(std::string_view input, const BlockRef& block) {
  AnswerFrames::Piece piece;
  while (true) {
    switch (frames_.next(input, piece)) {
      case AnswerFrames::Step::more:
        if ((!file_ && !file_lost_) || frames_.may_bring_file()) return true;
        return wrong("a descriptor that belongs to no answer");
      case AnswerFrames::Step::broken:
        return wrong(frames_.why());
      case AnswerFrames::Step::piece:
        if (!deliver(piece, block)) return false;
    }
  }
}

bool AnswerChannel::deliver(const AnswerFrames::Piece& piece, const BlockRef& block) {
  AppCall* const call = find(piece);
  if (!call) return wrong("an answer to a request that it does not have");
  if (const std::string_view fault = call->check(piece); !fault.empty()) return wrong(fault);
  if (piece.file && !deliver_file(*call, *piece.file)) return false;
  call->take(piece, block);
  if (piece.last) {
    // The call may have been full since this same read, and its chunks no longer lead here.
    const bool came_at_once = piece.opens && piece.status != 0;
    if (!came_at_once) resume_reading();
    call->leave_channel();
    if (lane_.queue().finish(*call, call->id())) lane_.watch_slots();
    if (call->abandoned()) call->retire();
  } else if (is_asgi()) {
    call->hold_to_window();
  } else if (call->unwanted()) {
    slot_.cancel(piece.sequence);  // another call may have overwritten it
  } else if (call->is_full()) {
    want_read(false);
    call->disarm();  // it is the client now who takes its time
  }
  return true;
}

std::uint32_t AnswerChannel::expect(AppCall& call) {
  calls_.push_back(call);
  if (free_places_.empty()) {
    free_places_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.push_back(nullptr);
  }
  call.place_ = free_places_.back();
  free_places_.pop_back();
  places_[call.place_] = &call;
  return call.place_;
}

void AnswerChannel::forget(AppCall& call) {
  calls_.remove(call);
  places_[call.place_] = nullptr;
  free_places_.push_back(call.place_);
}

AppCall* AnswerChannel::find(const AnswerFrames::Piece& piece) const {
  AppCall* const call = piece.place < places_.size() ? places_[piece.place] : nullptr;
  return call && call->sequence() == piece.sequence ? call : nullptr;
}

void AnswerChannel::notify(const AppCall& call, wire::NoticeKind kind, std::uint32_t value) {
  tell({.sequence = call.sequence(), .kind = kind, .value = value});
}

void AnswerChannel::tell(const wire::Notice& notice) {
  if (closing() || deaf_.armed()) return;
  notices_.append(reinterpret_cast<const char*>(&notice), sizeof notice);
  if (!wants_write()) on_writable();
  if (notices_.size() <= (kMostNotices * worker_->places() + kFewNotices) * sizeof notice) return;
  log::error("[{}] {} does not read what it is told; it is killed", lane_.app().name, name());
  notices_.clear();
  lane_.loop().arm(deaf_, Milliseconds(1));
}

void AnswerChannel::is_stuck(const AppQueue::Look& look) {
  const std::string limit = fmt::format("request_timeout ({} ms)", lane_.app().request_timeout.count());
  ExpiredRequest request{.worker = worker_, .thread = worker_->thread_of(slot_), .id = "(none)", .asked = look.asked};
  if (is_asgi()) {
    request.sequence = worker_->running(0);
    request.asked = worker_->cancels();
    log::error("[{}] {}: its event loop has been blocked for {}", lane_.app().name, name(), limit);
  } else if (look.at != 0) {
    request.sequence = look.at;
    request.id = look.id;
    log::error("[{}] {}: request {} is answered, and the app has gone on with it for {}, in its iterator or in close()",
               lane_.app().name, name(), look.id, limit);
  } else {
    log::error("[{}] {}: it has read no request for {}, although it has none", lane_.app().name, name(), limit);
  }
  if (!lane_.deals_with_timeouts()) return kill_worker();
  lane_.request_timed_out(std::move(request));
}

void AnswerChannel::on_writable() {
  const ssize_t sent = send(fd(), notices_.data(), notices_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // That a worker is gone shows when its answers are read.
  const bool waits = sent < 0 && (errno == EAGAIN || errno == EINTR);
  if (sent < 0 && !waits) notices_.clear();
  if (sent > 0) notices_.erase(0, static_cast<std::size_t>(sent));
  want_write(!notices_.empty());
}

bool AnswerChannel::deliver_file(AppCall& call, const wire::FilePart& part) {
  if (!file_ && !file_lost_) return wrong("a file's part without the file");
  call.bring_file({std::move(file_), part.offset, part.length});
  file_lost_ = false;
  return true;
}

void AnswerChannel::worker_gone(std::string_view how) {
  const AppLane::Event event(lane_);
  fate_.disarm();
  deaf_.disarm();
  for (int i = 0; i < kMostReadsOfTheDead && !closing(); ++i) {
    if (read_once() != Read::some) break;
  }
  if (!closing() && !read_ring()) break_protocol();
  break_off(how);
}

void AnswerChannel::add_running(std::vector<RunningRequest>& to) const {
  std::size_t left = is_asgi() ? kMostRunningTold : 1;
  for (const AppCall* call = calls_.front(); call && left > 0; call = calls_.after(*call), --left) {
    if (!lane_.queue().is_held(*call)) continue;
    RunningRequest running = call->running();
    running.pid = worker_->pid();
    running.thread = worker_->thread_of(slot_);
    to.push_back(std::move(running));
  }
}

void AnswerChannel::cut_off(std::string_view why) {
  if (closing()) return;
  lane_.queue().close(slot_, lane_.loop().index());
  for (AppCall* call = calls_.front(); call; call = calls_.after(*call)) {
    if (lane_.queue().is_held(*call)) call->cut_off(why);
  }
}

void AnswerChannel::shut(std::string_view why) {
  const AppLane::Event event(lane_);
  break_off(why);
}

void AnswerChannel::break_off(std::string_view why) {
  if (closing()) return;
  lane_.queue().close(slot_, lane_.loop().index());  // what was not begun goes to other workers
  while (AppCall* const call = calls_.front()) {
    call->leave_channel();
    if (lane_.queue().lose(*call)) {
      call->lose(why);
    } else if (!call->abandoned()) {
      call->wait_in_queue();
    } else {
      lane_.queue().withdraw(*call, AppQueue::Why::left);
      call->retire();
    }
  }
  slot_.channels[static_cast<std::size_t>(lane_.loop().index())] = nullptr;
  if (!worker_->leaving()) worker_->kill();
  close();
}

void AnswerChannel::kill_worker() {
  for (const auto& slot : worker_->slots()) lane_.queue().close(*slot, lane_.loop().index());
  worker_->kill();
}

void AnswerChannel::on_closed() {
  lane_.channel_closed(*this);
}

}  // namespace edge
