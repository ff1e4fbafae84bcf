// ControlChannel: the edge's end of the control channel of one zygote and its workers (appserver/wire.h).
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/wire.h"
#include "core/net/deadline.h"
#include "core/net/socket.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// On the main loop. Deletes itself when it is closed.
class ControlChannel final : public Socket, Deadline {
 public:
  struct Close {
    void operator()(ControlChannel* channel) const { channel->finish(); }
  };
  using Ref = std::unique_ptr<ControlChannel, Close>;

  /// `sender` is the process that sent the message, as the kernel knows it; header.pid is what the message says.
  using Received =
      std::move_only_function<void(const wire::ControlHeader& header, pid_t sender, std::string_view text)>;

  struct Ends {
    UniqueFd edge;
    UniqueFd app;  // inherited by the zygote
  };
  static Result<Ends> make_ends();
  /// Error: the loop cannot watch it.
  static Result<Ref> open(Loop& loop, UniqueFd edge_end, Received received);

  /// Sends now, or in order as soon as there is room and the kernel has the means; what can never be sent is logged and
  /// lost. `descriptors` are closed here once they were sent.
  void send(const wire::ControlHeader& header, std::vector<UniqueFd> descriptors);
  /// Reads what is there, without waiting.
  void read_all();

 private:
  struct Message {
    wire::ControlHeader header;
    std::vector<UniqueFd> descriptors;
  };
  explicit ControlChannel(Received received) : received_(std::move(received)) {}
  ~ControlChannel() = default;
  void finish();
  void on_readable() override;
  void on_writable() override;
  void on_deadline() override { on_writable(); }
  void on_closed() override { delete this; }
  bool read_one();
  bool send_one(const Message& message);
  void send_later(int reason);

  Received received_;
  std::deque<Message> outgoing_;
  bool warned_ = false;
};

}  // namespace edge
