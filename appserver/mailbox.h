// Mailbox: the way of requests to one worker thread (appserver/wire.h). The edge holds both ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "appserver/wire.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// Any thread may call anything here: each call is one system call on a socket that keeps messages whole.
class Mailbox {
 public:
  static Result<Mailbox> open();

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

  /// Takes one unread message out again: its header, or nothing when the mailbox is empty.
  std::optional<wire::RequestHeader> take_back();

  /// The end that the worker reads; stays open here so that unread requests outlive the worker.
  int worker_end() const { return worker_end_.get(); }

 private:
  Mailbox(UniqueFd edge_end, UniqueFd worker_end)
      : edge_end_(std::move(edge_end)), worker_end_(std::move(worker_end)) {}
  UniqueFd edge_end_;
  UniqueFd worker_end_;
};

}  // namespace edge
