// AnswerChannel: the answers of one worker thread to one loop, the requests of that loop that the thread holds, and
// what an ASGI app is to be told of them.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/answer_frames.h"
#include "appserver/answer_ring.h"
#include "appserver/app_call.h"
#include "appserver/app_queue.h"
#include "appserver/app_status.h"
#include "appserver/worker_process.h"
#include "core/net/alarm.h"
#include "core/net/socket.h"
#include "core/unique_fd.h"

namespace edge {

/// A WSGI app's answer is read as fast as the worker makes it while no more than this many bytes of it wait for the
/// client, and fewer while answers have all of AppAnswerMemory. (An ASGI app's has wire::kAnswerWindow, because its
/// channel is never left unread.)
inline constexpr std::size_t kAnswerBuffer = 1 << 20;

/// Owned by its AppLane, on whose loop everything here happens. Holds no buffer between two turns.
class AnswerChannel final : public Socket {
 public:
  AnswerChannel(AppLane& lane, std::shared_ptr<WorkerProcess> worker, Slot& slot);

  /// Begins to read. False when the loop cannot watch the descriptor; on_closed() is not called then.
  bool open(UniqueFd answers);

  /// The call is about to be sent: its answer will come here, with the place that this returns.
  std::uint32_t expect(AppCall& call);
  /// It will not: the request was taken back, or not sent.
  void forget(AppCall& call);
  bool expects_any() const { return !calls_.empty(); }

  /// Tells an ASGI app what has become of the call's answer.
  void notify(const AppCall& call, wire::NoticeKind kind, std::uint32_t value = 0);
  bool is_asgi() const { return worker_->is_asgi(); }
  /// Of an ASGI app's event loop: the queue has counted the cancel that this sends.
  void ask_whether_it_hears() { tell({.sequence = 0, .kind = wire::kCancel, .value = 0}); }
  /// The slot's thread reads nothing, for request_timeout: it is dealt with as a request that ran so long.
  void is_stuck(const AppQueue::Look& look);

  /// Reads again, after the client has taken what was too much.
  void resume_reading() { want_read(true); }
  bool is_reading() const { return wants_read(); }
  /// The worker has ended, and how: reads what it left, fails the rest, closes.
  void worker_gone(std::string_view how);
  /// The requests of this loop that the thread is at; of those of an ASGI app the oldest.
  void add_running(std::vector<RunningRequest>& to) const;
  /// The worker is about to be killed, and why: fails what it is at. What it has not begun goes to other workers.
  void cut_off(std::string_view why);
  /// Fails what is expected, closes.
  void shut(std::string_view why);

  Slot& slot() const { return slot_; }
  const WorkerProcess& worker() const { return *worker_; }
  /// Sends SIGKILL to the worker, of whose slots nothing more is granted.
  void kill_worker();

 private:
  friend class AppLane;
  enum class Read : std::uint8_t { some, nothing, ended, broken };

  void on_readable() override;
  void on_writable() override;
  void on_closed() override;
  Read read_once();
  bool read_ring();
  void read_rest_of_ring();
  bool take_frame(std::string_view frame, const BlockRef& block);
  Read break_protocol();
  std::string name() const;
  void tell(const wire::Notice& notice);
  bool take_descriptor(const msghdr& message);
  bool parse(std::string_view input, const BlockRef& block);
  bool deliver(const AnswerFrames::Piece& piece, const BlockRef& block);
  AppCall* find(const AnswerFrames::Piece& piece) const;
  bool deliver_file(AppCall& call, const wire::FilePart& part);
  bool wrong(std::string_view why) {
    why_ = why;
    return false;
  }
  void on_end();
  void break_off(std::string_view why);

  AppLane& lane_;
  std::shared_ptr<WorkerProcess> worker_;
  Slot& slot_;
  AnswerFrames frames_;
  AnswerRing ring_;
  UniqueFd file_;           // came with the first byte of a frame that is not read to its end
  bool file_lost_ = false;  // such a one came, and this process has no descriptor left to take it
  std::string_view why_;    // what the worker did wrong
  IntrusiveList<AppCall, &AppCall::in_channel_> calls_;  // the oldest first
  std::vector<AppCall*> places_;                         // the same, by place
  std::vector<std::uint32_t> free_places_;
  std::string notices_;  // that the socket did not take yet
  ListLink<AnswerChannel> in_lane_;
  Alarm rest_of_ring_{[this] { read_rest_of_ring(); }};
  Alarm deaf_{[this] { kill_worker(); }};  // not within notify(), whose caller holds a call that this may take back
  Alarm fate_{[this] { worker_gone(name() + " died"); }};  // of a worker that broke off: until it is known how
};

}  // namespace edge
