// Mailbox: the way of requests to one worker thread (appserver/wire.h): a ring in shared memory, and a socket of which
// the edge holds both ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "appserver/request_ring.h"
#include "appserver/wire.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// Any thread may call anything here. What a thread that is awake reads from its ring costs no system call; all else
/// is one on a socket that keeps messages whole.
class Mailbox {
 public:
  /// `ring` must outlive the mailbox.
  static Result<Mailbox> open(wire::RequestRing& ring);

  enum class Sent : std::uint8_t {
    sent,
    full,    // what lies in the mailbox must be read first
    failed,  // errno says why
  };
  /// `packet` is the uwsgi packet, header included; `body` must be header.body_size bytes unless `body_file` is given.
  Sent send(const wire::RequestHeader& header, std::string_view packet, std::string_view body, int body_file = -1);
  /// Tells the thread to end, after all that was sent before.
  Sent send_quit();
  /// Asks the thread whether it reads its mailbox.
  Sent send_question();

  /// Takes one unread message out again: its header, of which only `sequence` and `flags` are given, or nothing when
  /// there is no unread request.
  std::optional<wire::RequestHeader> take_back();

  /// The end that the worker reads; stays open here so that unread requests outlive the worker.
  int worker_end() const { return worker_end_.get(); }

 private:
  Mailbox(UniqueFd edge_end, UniqueFd worker_end, wire::RequestRing& ring)
      : edge_end_(std::move(edge_end)),
        worker_end_(std::move(worker_end)),
        ring_(std::make_unique<RequestRing>(ring)) {}
  Sent send_message(const wire::RequestHeader& header, std::string_view packet, std::string_view body, int body_file);
  std::optional<wire::RequestHeader> take_message();
  std::optional<wire::RequestHeader> take_request();

  UniqueFd edge_end_;
  UniqueFd worker_end_;
  std::unique_ptr<RequestRing> ring_;
};

}  // namespace edge
