// Generation: one imported state of an app: the zygote that holds it, and the workers that were forked from it.
//
// Life: importing -> starting -> ready -> serving -> leaving -> kept -> (serving again, or ended). What dies while it
// serves is replaced. `kept`: the workers have ended, the zygote waits to fork new ones for a rollback.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appserver/app_lane.h"
#include "appserver/app_queue.h"
#include "appserver/app_status.h"
#include "appserver/interpreter.h"
#include "appserver/memory_kills.h"
#include "appserver/restart_delay.h"
#include "appserver/static_folders.h"
#include "appserver/stuck_request.h"
#include "appserver/worker_process.h"
#include "appserver/worker_stacks.h"
#include "appserver/zygote.h"
#include "config/snapshot.h"
#include "core/net/alarm.h"
#include "core/net/loop.h"
#include "core/task.h"

namespace edge {

/// What the generations of an app share. Owned by its AppPool, which outlives them; the loops run as long.
struct AppHouse {
  Loop& main;
  std::vector<Loop*> loops;
  AppQueue& queue;
  std::vector<std::unique_ptr<AppLane>> lanes;  // by loop
  std::string self_exe;
  UniqueFd gateway;
  MemoryKills memory_kills;
  OpenFolders open_folders{};  // null: the app is not asked for its folders of files

  /// A worker is about to be killed, and why; null: all are. The loops are told.
  void cut_off(const std::shared_ptr<WorkerProcess>& worker, const std::string& why);
};

/// On the main loop's thread.
class Generation final : private Zygote::Supervisor {
 public:
  enum class State : std::uint8_t { importing, starting, ready, serving, leaving, kept, ended };

  /// Who is told. The generation may not be destroyed in these calls.
  class Owner {
   public:
    /// Every worker is ready; none gets a request before serve(). Once after start(), and after each revive().
    virtual void on_ready(Generation& generation) = 0;
    /// It will not become ready: `why` is what the log says too. on_ended() follows.
    virtual void on_failed(Generation& generation, const std::string& why) = 0;
    /// No process is left.
    virtual void on_ended(Generation& generation) = 0;
    /// Something went wrong that `edge status` should show.
    virtual void on_trouble(std::string text) = 0;

   protected:
    ~Owner() = default;
  };

  Generation(AppHouse& house, Owner& owner, std::shared_ptr<const config::App> app, std::uint32_t number);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;
  ~Generation();

  std::uint32_t number() const { return number_; }
  State state() const { return state_; }
  const std::shared_ptr<const config::App>& app() const { return app_; }
  /// Workers that it wants at the moment.
  unsigned target() const { return target_; }

  /// Finds the interpreter, spawns the zygote, imports, forks `workers`. Once.
  void start(unsigned workers);
  /// From ready: the queue may grant the workers' slots.
  void serve();
  /// Takes the slots back; workers finish what they hold and end, within shutdown_timeout. `keep`: the zygote stays;
  /// without, it ends as well.
  void leave(bool keep);
  /// From leaving or kept: forks `workers` anew; on_ready() or on_failed() follows. False: the zygote is gone.
  bool revive(unsigned workers);
  /// The zygote stays, or will stay, when the workers have left.
  bool keeps() const { return keep_; }
  /// Ends what was begun: kills all but workers that are still finishing what they hold.
  void give_up();
  /// Kills every process now.
  void kill();

  /// Asks the zygote whether a file of the app has changed since the import; `answer` gets what changed, or nothing.
  void ask_changed(std::move_only_function<void(std::string what)> answer);

  /// The folders that the app has told of are opened once more; `opened` runs in a later turn, also when there are
  /// none.
  void open_folders_again(std::move_only_function<void()> opened);

  /// Requests wait in the queue: more workers may be wanted.
  void on_pressure();
  /// A request of a worker, perhaps of this generation, ran longer than request_timeout.
  void on_timeout(const ExpiredRequest& request);
  /// The worker has answered as many requests as it may.
  void on_spent(const WorkerProcess& worker);

  GenerationStatus status() const;
  /// Workers die again and again while they start.
  bool is_crashing() const;

 private:
  /// The place of one worker, whichever process fills it. The deadline is that of its start, of the next try, or of
  /// its end.
  struct Seat final : Deadline {
    enum class State : std::uint8_t {
      empty,
      resting,   // died too soon: waits before the next try
      wanted,    // waits for its turn to be forked
      forking,   // the zygote was asked
      starting,  // the process exists
      joining,   // is ready; the loops are opening its channels
      serving,
      leaving,  // gets nothing more, finishes what it holds
    };
    Seat(Generation& in, std::uint32_t at);
    void on_deadline() override { generation.on_seat_deadline(*this); }
    bool starts() const { return state > State::resting && state < State::serving; }

    Generation& generation;
    std::uint32_t number;
    State state = State::empty;
    bool outgoing = false;  // ends as soon as another worker has taken its place
    std::shared_ptr<WorkerProcess> worker;
    WorkerStacks::Ref stacks;
    std::vector<std::unique_ptr<StuckRequest>> stuck;  // no more than the worker has threads
    std::vector<std::vector<UniqueFd>> answers;  // the edge's ends, by loop and then by thread, until they are joined
    std::size_t joins_left = 0;
    bool joined_well = true;
    std::uint64_t since = 0;  // Loop::now() when it was asked for
    unsigned failures = 0;    // deaths in a row that came too soon
    RestartDelay delay;
  };

  // Zygote::Supervisor
  void on_imported() override;
  void on_static_folders(std::string_view text) override;
  void on_import_failed(std::string_view text) override;
  void on_worker_forked(std::uint32_t worker, pid_t pid) override;
  void on_worker_ready(std::uint32_t worker, pid_t pid, wire::Interface interface) override;
  void on_worker_import_failed(std::uint32_t worker, std::string_view text) override;
  void on_worker_exited(std::uint32_t worker, pid_t pid, int wait_status) override;
  void on_changed(std::string_view what) override;
  void on_zygote_ended(int status, int signal) override;

  // The zygote: generation.cpp
  Task<void> find_interpreter();
  void spawn_zygote();
  void on_zygote_deadline();
  bool begins() const { return state_ == State::importing || state_ == State::starting; }
  void become_ready();
  void fail(const std::string& why);
  void trouble(const std::string& text);
  void answer_changed(std::string what);
  void finish_leaving();
  void end();

  // The app's folders of files: generation_folders.cpp
  Task<void> open_folders();
  void serve_folders();

  // The workers: generation_workers.cpp
  Seat* seat(std::uint32_t number) const;
  Seat* free_seat();
  void want_worker(Seat& seat);
  void fork_next();
  /// The worker's ends.
  struct WorkerEnds {
    std::vector<std::vector<UniqueFd>> answers;  // by thread and then by loop
    UniqueFd stacks;
  };
  Result<WorkerEnds> make_channels(Seat& seat);
  void on_seat_deadline(Seat& seat);
  std::string name(const Seat& seat) const;
  void join(Seat& seat);
  void on_joined(std::uint32_t number, const std::shared_ptr<WorkerProcess>& worker, bool well);
  void retire(Seat& seat);
  void quit(std::uint32_t number, const std::shared_ptr<WorkerProcess>& worker);
  void empty_seat(Seat& seat, std::string_view how);
  std::string why_killed();
  bool has_answered(const WorkerProcess& worker) const;
  void rest(Seat& seat, bool lived_well);
  void when_loops_have_passed(std::move_only_function<void()> then);

  // How many workers: generation_size.cpp
  void balance();
  std::size_t count_serving() const;
  void grow();
  void shrink();
  void watch_memory();
  void replace(Seat& seat, const std::string& why);
  std::uint64_t requests_until_spent();

  AppHouse& house_;
  Owner& owner_;
  std::shared_ptr<const config::App> app_;
  const std::uint32_t number_;
  State state_ = State::importing;
  unsigned target_ = 0;
  Interpreter interpreter_;
  Task<void> finding_interpreter_;
  bool finding_ = false;
  bool folders_told_ = false;  // by this zygote, or a worker of it
  std::vector<StaticFolder> told_folders_;
  std::optional<std::vector<StaticFolder>> wanted_folders_;  // to be opened next
  Task<void> opening_folders_;
  bool opening_ = false;
  bool ready_waits_ = false;  // for the folders to be opened
  std::vector<std::move_only_function<void()>> when_folders_opened_;
  std::shared_ptr<OpenedFolders> folders_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::unique_ptr<Zygote> zygote_;
  RestartDelay zygote_delay_;
  unsigned zygote_failures_ = 0;                             // deaths in a row that came too soon
  Alarm zygote_deadline_{[this] { on_zygote_deadline(); }};  // of its import, or of its replacement
  Alarm grow_{[this] { grow(); }};
  Alarm shrink_{[this] { shrink(); }};
  Alarm memory_{[this] { watch_memory(); }};
  Alarm changed_deadline_{[this] { answer_changed("the app's zygote does not answer"); }};
  std::uint64_t since_ = 0;         // Loop::now() when it was started
  std::uint64_t zygote_since_ = 0;  // Loop::now() when the zygote was spawned
  Seat* forking_ = nullptr;         // one at a time: descriptors under way are limited
  std::string import_error_;
  bool imported_ = false;
  bool import_failed_ = false;  // the zygote said so itself
  bool answered_ = false;       // workers of this zygote have answered requests: its life was a good one
  bool memory_warned_ = false;
  bool keep_ = false;
  bool killed_ = false;
  std::move_only_function<void(std::string)> when_changed_known_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // expires with the generation, for what was posted
};

}  // namespace edge
