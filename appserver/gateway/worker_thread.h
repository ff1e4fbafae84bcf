// One Python thread of a worker: takes requests from its mailbox, one at a time, and answers them.
#pragma once

#include <sys/socket.h>

#include <memory>

#include "appserver/gateway/answer.h"
#include "appserver/gateway/interrupt.h"
#include "appserver/gateway/log.h"
#include "appserver/gateway/start_response.h"
#include "appserver/gateway/worker.h"

namespace edge::gateway {

/// Made and run in the thread itself, with the interpreter's lock held; it is released while the mailbox is empty.
class WorkerThread {
 public:
  WorkerThread(Worker& worker, std::size_t index, const ThreadChannels& channels);

  /// Until the thread is told to quit, or the edge has gone.
  void run();

 private:
  enum class Received : std::uint8_t { request, quit, closed };
  struct Message {  // a request that came in whole; views into buffer_
    wire::RequestHeader header;
    std::string_view variables;
    std::string_view body;
    Descriptor file;
  };

  bool prepare();
  Received receive(Message& to);
  ssize_t receive_bytes(Descriptor& file);
  ssize_t wait_for_bytes(msghdr& message);
  void run_signal_handlers();
  bool parse(std::string_view bytes, Message& to) const;
  void handle(Message& message);
  bool open_objects(Message& message);
  void close_objects();
  bool open_input(Message& message);
  void close_input();

  Worker& worker_;
  const std::size_t index_;
  const ThreadChannels& channels_;
  std::unique_ptr<char[]> buffer_;
  LogLines log_;
  Interruptible interruptible_;
  Answer answer_;
  StartResponse start_response_;
  Ref input_type_;
  Ref input_;
  Ref disconnected_type_;
  Ref disconnected_;
};

}  // namespace edge::gateway
