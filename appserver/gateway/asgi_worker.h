// A worker whose app speaks ASGI: its channels, as the event loop in asgi.py uses them.
#pragma once

#include <deque>
#include <vector>

#include "appserver/gateway/channel_watch.h"
#include "appserver/gateway/frame_queue.h"
#include "appserver/gateway/interrupt.h"
#include "appserver/gateway/log.h"
#include "appserver/gateway/mailbox.h"
#include "appserver/gateway/python.h"
#include "appserver/gateway/scheduling.h"
#include "appserver/gateway/scope.h"
#include "appserver/gateway/worker.h"

namespace edge::gateway {

/// Compiles asgi.py and imports asyncio, where that was not done: in the zygote, so that its workers share them. false
/// with an error set. Needs the interpreter's lock, as all here.
bool prepare_asgi();

/// Lives in the worker's main thread. One in a process.
class AsgiWorker {
 public:
  AsgiWorker(Worker& worker, const ThreadChannels& channels);
  AsgiWorker(const AsgiWorker&) = delete;
  AsgiWorker& operator=(const AsgiWorker&) = delete;
  ~AsgiWorker();

  /// Serves until the worker is told to quit. false with an error set: it could not.
  bool run();

  // What asgi.py calls:
  enum class Mail : std::uint8_t { empty, more, closed };
  /// Hands what is in the mailbox to `begin` as (scope, body, exchange), a bounded number of requests at a time.
  /// closed: there will be no more.
  Mail read_mailbox(PyObject* begin);
  /// Adds what came to a list, as lists [sequence, kind, value]. Py_False when the edge has closed the channel; null
  /// with an error set.
  Ref read_notices(std::size_t channel, PyObject* to);
  /// Readable when flush() is to be called.
  int room() const { return watch_.descriptor(); }
  /// Sends what waits on all channels. true: nothing waits any more.
  bool flush();
  std::size_t channels() const { return queues_.size(); }
  Worker& worker() { return worker_; }

 private:
  void handle(RequestMessage& message, PyObject* begin);
  Ref open_exchange(const RequestMessage& message, Ref& scope);

  Worker& worker_;
  const ThreadChannels& channels_;
  Mailbox mailbox_;
  Scheduling scheduling_;  // an event loop waits for everything at once: each of its sleeps counts as the app's
  ChannelWatch watch_;
  std::deque<FrameQueue> queues_;  // one for each loop of the edge; their addresses stay
  LogLines log_;
  Interruptible interruptible_;
  Scopes scopes_;
  Ref exchange_type_;
  Ref call_type_;
};

}  // namespace edge::gateway
