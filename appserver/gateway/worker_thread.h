// One Python thread of a worker: takes requests from its mailbox, one at a time, and answers them.
#pragma once

#include <vector>

#include "appserver/gateway/answer.h"
#include "appserver/gateway/interrupt.h"
#include "appserver/gateway/log.h"
#include "appserver/gateway/mailbox.h"
#include "appserver/gateway/scheduling.h"
#include "appserver/gateway/start_response.h"
#include "appserver/gateway/worker.h"
#include "appserver/gateway/wsgi_objects.h"

namespace edge::gateway {

/// Made and run in the thread itself, with the interpreter's lock held; it is released while the mailbox is empty.
class WorkerThread {
 public:
  WorkerThread(Worker& worker, std::size_t index, const ThreadChannels& channels);

  /// Until the thread is told to quit, or the edge has gone.
  void run();

 private:
  Mailbox::Received receive(RequestMessage& to);
  void run_signal_handlers();
  void handle(RequestMessage& message);
  bool open_objects(RequestMessage& message);
  void close_objects();
  bool open_input(RequestMessage& message);
  void close_input();

  Worker& worker_;
  WsgiObjects& objects_;
  const std::size_t index_;
  Mailbox mailbox_;
  Scheduling scheduling_;
  std::vector<WaitingChannel> channels_;  // one for each loop of the edge
  LogLines log_;
  Interruptible interruptible_;
  Answer answer_;
  StartResponse start_response_;
  Ref input_;
  Ref disconnected_;
};

}  // namespace edge::gateway
