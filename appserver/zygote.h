// Zygote: the process that holds an imported app and forks workers from it, as the edge's main loop sees it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/control_channel.h"
#include "appserver/interpreter.h"
#include "appserver/output_lines.h"
#include "appserver/worker_process.h"
#include "config/snapshot.h"
#include "core/net/child_process.h"
#include "core/unique_fd.h"

namespace edge {

/// The abi3 object that the binary carries, in a sealed memfd for zygotes to inherit.
Result<UniqueFd> gateway_memory();

class Zygote {
 public:
  /// Who is told. Numbers of workers are what the app's processes say: nothing in them is believed.
  class Supervisor {
   public:
    virtual void on_imported() = 0;
    /// Before on_imported(), or with preload: false before on_worker_ready(), by each worker. As it came, for
    /// parse_static_folders().
    virtual void on_static_folders(std::string_view text) = 0;
    virtual void on_import_failed(std::string_view text) = 0;
    /// When nothing could be forked, on_worker_exited() comes in its place, with a pid of 0.
    virtual void on_worker_forked(std::uint32_t worker, pid_t pid) = 0;
    virtual void on_worker_ready(std::uint32_t worker, pid_t pid, wire::Interface interface) = 0;
    virtual void on_worker_import_failed(std::uint32_t worker, std::string_view text) = 0;
    /// `wait_status` as waitpid() gives it.
    virtual void on_worker_exited(std::uint32_t worker, pid_t pid, int wait_status) = 0;
    /// The answer to ask_changed(): what has changed, or nothing.
    virtual void on_changed(std::string_view what) = 0;
    /// The process has ended, and with it every worker; the zygote may be destroyed in this call.
    virtual void on_zygote_ended(int status, int signal) = 0;

   protected:
    ~Supervisor() = default;
  };

  struct Purpose {
    std::uint32_t generation = 0;  // for the processes' titles
    bool finds_folders = false;    // the app is asked for its folders of files
  };
  /// Starts the process; it begins to import. On the main loop, as everything here. All arguments but `purpose` and
  /// `interpreter` must outlive the zygote. Error: it cannot be started.
  static Result<std::unique_ptr<Zygote>> start(Loop& loop, const config::App& app, const Purpose& purpose,
                                               const Interpreter& interpreter, int gateway, Supervisor& supervisor);
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;
  ~Zygote() = default;

  pid_t pid() const { return process_.pid(); }

  /// Asks for a worker: for each of its slots the worker's ends of the answers channels, one a loop; `stacks` is its
  /// end of the WorkerStacks. Error: there are no descriptors for it, and the zygote was asked for nothing.
  Result<void> fork(const WorkerProcess& worker, std::vector<std::vector<UniqueFd>> answers, UniqueFd stacks);
  /// Asks whether a file of the app has changed since its import.
  void ask_changed();
  /// Asks it to end when its last worker has ended.
  void stop();
  /// SIGKILL; its workers follow it.
  void kill() { process_.signal(SIGKILL); }

 private:
  Zygote(const config::App& app, Supervisor& supervisor) : app_(app), supervisor_(supervisor) {}
  Result<void> spawn(Loop& loop, const Purpose& purpose, const Interpreter& interpreter, int gateway);
  void received(const wire::ControlHeader& header, pid_t sender, std::string_view text);
  void received_from_zygote(const wire::ControlHeader& header, std::string_view text);
  void log_text(LogLevel level, std::string_view text) const;
  void ended(int status, int signal);

  const config::App& app_;
  Supervisor& supervisor_;
  ChildProcess process_;
  ControlChannel::Ref control_;
  OutputLines::Ref output_;
};

/// "exited with status 3", "died of SIGKILL".
std::string how_it_ended(int status, int signal);

}  // namespace edge
