// A worker: the app and one or more threads that each answer one request at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "appserver/gateway/descriptor.h"
#include "appserver/gateway/python.h"
#include "appserver/wire.h"

namespace edge::gateway {

/// A thread's ends of its channels.
struct ThreadChannels {
  Descriptor mailbox;
  std::vector<Descriptor> answers;  // one for each loop of the edge
};

/// What zygote and worker know of the app.
struct WorkerSettings {
  std::uint32_t threads = 1;
  std::uint32_t processes = 1;  // workers of the app
  pid_t zygote = 0;
  wire::Interface interface = wire::kWsgi;
  Ref app;   // the callable; empty: the worker gets it from load
  Ref load;  // returns what take_app() takes, or raises why there is no app

  /// Takes (interface, callable) as bootstrap.py has found them. false with an error set.
  bool take_app(PyObject* found);
};

/// Lives in the forked process from its first moment to its last. Its threads use it under the interpreter's lock.
class Worker {
 public:
  /// `slots` is the memory that the threads share with the edge, `stacks` the edge's pipe for their stacks.
  Worker(std::uint32_t number, std::vector<ThreadChannels> threads, Descriptor slots, Descriptor stacks,
         WorkerSettings settings);

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Serves until every thread was told to quit; then the process may end as any Python does. Does not return when it
  /// could not begin to serve: the edge was told why, and the process has ended.
  void run();

  PyObject* app() const { return settings_.app.get(); }
  wire::SharedSlot& slot(std::size_t thread) { return shared_.slot(thread); }
  wire::SharedMemory& shared() { return shared_; }
  /// It cannot serve: the edge is told why, and the process ends.
  [[noreturn]] void fail(std::string_view why);
  /// A thread reads its mailbox; the last one tells the edge.
  void thread_is_ready();
  /// A thread that is not the main one will not come back.
  void thread_has_ended();
  /// The body of a thread, main or not.
  void serve(std::size_t thread);
  /// In a process that the app forked by itself.
  void close_channels();

 private:
  void enter();
  bool prepare();
  void import_app();
  bool serve_app();
  bool serve_in_threads();
  bool start_threads(std::vector<Ref>& to);
  void wait_for_threads();

  std::vector<ThreadChannels> threads_;
  Descriptor slots_memory_;
  Descriptor stacks_;
  wire::SharedMemory shared_;
  WorkerSettings settings_;
  std::size_t ready_threads_ = 0;
  std::size_t ended_threads_ = 0;
  Descriptor all_ended_;
};

}  // namespace edge::gateway
