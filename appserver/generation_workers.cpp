// A generation's workers: asking for them, letting the loops have them, and clearing up behind those that ended.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include "appserver/generation.h"
#include "core/log.h"

namespace edge {

namespace {

/// The pid is that of a child of `parent`: what a zygote says of pids is not believed, for they will be killed.
bool is_child_of(pid_t pid, pid_t parent) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');  // the name before it may hold anything
  if (name_end == text.npos || text.size() < name_end + 4) return false;
  return std::atoi(text.c_str() + name_end + 4) == parent;  // ") S PPID"
}

}  // namespace

void AppHouse::cut_off(const std::shared_ptr<WorkerProcess>& worker, const std::string& why) {
  for (std::size_t i = 0; i < loops.size(); ++i) {
    loops[i]->post([lane = lanes[i].get(), worker, why] { lane->cut_off(worker.get(), why); });
  }
}

Generation::Seat::Seat(Generation& in, std::uint32_t at)
    : generation(in), number(at), delay(in.app_->restart_delay, in.app_->restart_max_delay) {}

Generation::Seat* Generation::seat(std::uint32_t number) const {
  return number < seats_.size() ? seats_[number].get() : nullptr;
}

/// The lowest that is empty; null when so many are still finishing that there must be no more.
Generation::Seat* Generation::free_seat() {
  constexpr std::size_t kMostForEach = 4;
  for (const auto& seat : seats_) {
    if (seat->state == Seat::State::empty) return seat.get();
  }
  if (seats_.size() >= kMostForEach * app_->most_processes) return nullptr;
  const auto number = static_cast<std::uint32_t>(seats_.size());
  return seats_.emplace_back(std::make_unique<Seat>(*this, number)).get();
}

void Generation::want_worker(Seat& seat) {
  seat.state = Seat::State::wanted;
  fork_next();
}

void Generation::fork_next() {
  if (forking_ || !zygote_ || !imported_ || killed_) return;
  for (const auto& owned : seats_) {
    Seat& seat = *owned;
    if (seat.state != Seat::State::wanted) continue;
    seat.since = house_.main.now();
    Result<WorkerEnds> ends = make_channels(seat);
    const Result<void> asked = ends ? zygote_->fork(*seat.worker, std::move(ends->answers), std::move(ends->stacks))
                                    : std::unexpected(ends.error());
    if (!asked) {
      trouble(fmt::format("worker {} cannot be started: {}", seat.number, asked.error().context));
      empty_seat(seat, "it was never started");
      rest(seat, false);
      continue;
    }
    seat.state = Seat::State::forking;
    forking_ = &seat;
    return house_.main.arm(seat, app_->start_timeout);
  }
}

/// Fills seat.worker, seat.stacks and seat.answers.
Result<Generation::WorkerEnds> Generation::make_channels(Seat& seat) {
  auto worker = WorkerProcess::create(seat.number, app_->threads, house_.loops.size());
  if (!worker) return std::unexpected(std::move(worker.error()));
  Result<WorkerStacks::Opened> stacks = WorkerStacks::open(house_.main, *worker);
  if (!stacks) return std::unexpected(std::move(stacks.error()));
  std::vector<std::vector<UniqueFd>> theirs(app_->threads);
  std::vector<std::vector<UniqueFd>> ours(house_.loops.size());
  for (std::vector<UniqueFd>& thread : theirs) {
    for (std::vector<UniqueFd>& loop : ours) {
      int ends[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return edge::fail(ErrorKind::internal, Side::ours,
                          std::string("no channel for answers: ") + std::strerror(errno));
      }
      loop.emplace_back(ends[0]);
      thread.emplace_back(ends[1]);
      fcntl(ends[0], F_SETFL, O_NONBLOCK);  // the worker's end stays blocking
    }
  }
  seat.worker = std::move(*worker);
  seat.worker->limit_requests(requests_until_spent());
  seat.stacks = std::move(stacks->stacks);
  seat.answers = std::move(ours);
  return WorkerEnds{std::move(theirs), std::move(stacks->worker_end)};
}

void Generation::on_worker_forked(std::uint32_t number, pid_t pid) {
  Seat* const at = seat(number);
  if (!at) return;
  if (forking_ == at) forking_ = nullptr;
  if (at->state == Seat::State::forking) at->state = Seat::State::starting;
  const bool known = at->worker && at->worker->pid() != 0;
  if (at->worker && !known && is_child_of(pid, zygote_->pid())) {
    at->worker->identify(pid);
    if (killed_ || at->state == Seat::State::leaving) at->worker->kill();
  }
  fork_next();
}

void Generation::on_worker_ready(std::uint32_t number, pid_t pid, wire::Interface interface) {
  Seat* const at = seat(number);
  if (!at || (at->state != Seat::State::forking && at->state != Seat::State::starting)) return;
  if (at->worker->pid() == 0) at->worker->identify(pid);  // the kernel's word, quicker than that of the zygote
  if (at->worker->pid() != pid) {
    return log::error("[{}] process {} says that it is worker {}, which it is not", app_->name, pid, number);
  }
  if (interface == wire::kAsgi) at->worker->serve_asgi(app_->concurrency);
  at->state = Seat::State::joining;
  at->disarm();
  join(*at);
}

/// Hands the channels to the loops. Slots are opened only when every loop has its own.
void Generation::join(Seat& seat) {
  seat.joins_left = house_.loops.size();
  seat.joined_well = true;
  for (std::size_t i = 0; i < house_.loops.size(); ++i) {
    house_.loops[i]->post([this, &main = house_.main, lane = house_.lanes[i].get(), number = seat.number,
                           worker = seat.worker, alive = std::weak_ptr(alive_),
                           answers = std::move(seat.answers[i])]() mutable {
      const bool well = lane->add_worker(worker, std::move(answers)).has_value();
      main.post([this, number, worker = std::move(worker), alive = std::move(alive), well] {
        if (!alive.expired()) on_joined(number, worker, well);
      });
    });
  }
  seat.answers.clear();
}

void Generation::on_joined(std::uint32_t number, const std::shared_ptr<WorkerProcess>& worker, bool well) {
  Seat& at = *seat(number);
  if (at.worker != worker || at.state != Seat::State::joining) return;  // it has ended meanwhile
  if (!well) at.joined_well = false;
  if (--at.joins_left > 0) return;
  if (!at.joined_well) {
    trouble(fmt::format("a loop cannot watch the answers of worker {}: it is killed", number));
    return worker->kill();
  }
  at.state = Seat::State::serving;
  log::debug("[{}] worker {} gen {} (pid {}) is ready after {} ms", app_->name, number, number_, worker->pid(),
             house_.main.now() - at.since);
  if (state_ == State::serving) {
    for (const auto& slot : worker->slots()) house_.queue.open(*slot, -1);
    balance();
  } else if (state_ == State::starting && count_serving() >= target_) {
    become_ready();
  }
}

void Generation::on_seat_deadline(Seat& seat) {
  if (seat.state == Seat::State::resting) {
    seat.state = Seat::State::empty;
    return balance();
  }
  if (seat.state == Seat::State::leaving) {
    const auto limit = app_->shutdown_timeout.count();
    trouble(fmt::format("{} did not finish within shutdown_timeout ({} ms): it is killed", name(seat), limit));
    house_.cut_off(seat.worker, fmt::format("shutdown_timeout ({} ms) has passed", limit));
    if (seat.worker->pid() == 0) return zygote_->kill();  // it was never forked
    return seat.worker->kill();
  }
  trouble(fmt::format("{} was not ready within start_timeout ({} ms): it is killed", name(seat),
                      app_->start_timeout.count()));
  if (seat.worker->pid() != 0) {
    seat.worker->kill();
  } else {
    zygote_->kill();  // it does not even fork
  }
}

/// For the log, as far as it is known.
std::string Generation::name(const Seat& seat) const {
  const std::string name = fmt::format("worker {} gen {}", seat.number, number_);
  return seat.worker->pid() == 0 ? name : fmt::format("{} (pid {})", name, seat.worker->pid());
}

void Generation::on_worker_import_failed(std::uint32_t number, std::string_view text) {
  trouble(fmt::format("worker {}: {}", number, text));
  if (!begins()) return;
  import_error_ = text;
  fail("it cannot be imported");
}

void Generation::on_worker_exited(std::uint32_t number, pid_t pid, int wait_status) {
  Seat* const at = seat(number);
  if (forking_ == at) forking_ = nullptr;
  if (!at || !at->worker || (pid != 0 && at->worker->pid() != 0 && at->worker->pid() != pid)) return fork_next();
  const bool by_signal = WIFSIGNALED(wait_status);
  const std::string how =
      by_signal ? how_it_ended(0, WTERMSIG(wait_status)) : how_it_ended(WEXITSTATUS(wait_status), 0);
  const std::string text = fmt::format("worker {} (pid {}) {}{}", number, pid, how,
                                       by_signal && WTERMSIG(wait_status) == SIGKILL ? why_killed() : "");
  if (killed_ || (at->state == Seat::State::leaving && !by_signal)) {
    log::debug("[{}] {}", app_->name, text);
  } else {
    trouble(text);
  }
  if (has_answered(*at->worker)) answered_ = true;
  const bool lived_well = at->state >= Seat::State::serving &&
                          (has_answered(*at->worker) || house_.main.now() - at->since > RestartDelay::kGoodLife);
  empty_seat(*at, text);
  rest(*at, lived_well);
  fork_next();
  finish_leaving();
}

bool Generation::has_answered(const WorkerProcess& worker) const {
  return std::ranges::any_of(worker.slots(), [this](const auto& slot) { return house_.queue.answered(*slot) > 0; });
}

/// What is known of a SIGKILL.
std::string Generation::why_killed() {
  return house_.memory_kills.explains_death()
             ? ", probably by the kernel, which ran out of memory and killed a process meanwhile"
             : "";
}

void Generation::on_timeout(const ExpiredRequest& request) {
  Seat* const at = seat(request.worker->number());
  if (!at || at->worker != request.worker) return;
  if (request.ignores_cancel) {
    if (at->state != Seat::State::serving) return;
    trouble(fmt::format(
        "worker {} (pid {}) does not get rid of request {} and is replaced; its other requests finish first",
        at->number, at->worker->pid(), request.id));
    retire(*at);
    return balance();
  }
  if (request.worker->is_asgi() && !at->stuck.empty()) return at->stuck.front()->also(request);
  const auto done = [this, at, thread = request.thread, sequence = request.sequence](bool helped) {
    std::erase_if(at->stuck, [&](const auto& stuck) { return stuck->is_of(thread, sequence); });
    if (helped || !at->worker) return;
    const bool alone = house_.queue.busy_besides(*at->worker->slots()[thread]) == 0;
    trouble(fmt::format("worker {} (pid {}) is stuck{} and is {}", at->number, at->worker->pid(),
                        sequence == 0 ? "" : " in a request",
                        alone ? "killed" : "replaced; its other requests finish first"));
    if (alone) {
      for (const auto& slot : at->worker->slots()) house_.queue.close(*slot, -1);
      at->worker->kill();
    } else if (at->state == Seat::State::serving) {
      retire(*at);
      balance();
    }
  };
  at->stuck.push_back(std::make_unique<StuckRequest>(house_.main, app_->name, *at->stacks, request, done));
}

/// The seat's worker gets nothing more; when no loop can be about to send to it, it is told to end.
void Generation::retire(Seat& seat) {
  seat.state = Seat::State::leaving;
  seat.outgoing = false;
  house_.main.arm(seat, app_->shutdown_timeout);
  for (const auto& slot : seat.worker->slots()) house_.queue.close(*slot, -1);
  when_loops_have_passed([this, number = seat.number, worker = seat.worker] { quit(number, worker); });
}

void Generation::quit(std::uint32_t number, const std::shared_ptr<WorkerProcess>& worker) {
  if (seat(number)->worker != worker) return;                              // it has ended meanwhile
  for (const auto& slot : worker->slots()) house_.queue.close(*slot, -1);  // what was sent since
  worker->quit();
}

void Generation::when_loops_have_passed(std::move_only_function<void()> then) {
  const auto left = std::make_shared<std::size_t>(house_.loops.size());
  const auto last = std::make_shared<std::move_only_function<void()>>(std::move(then));
  for (Loop* loop : house_.loops) {
    loop->post([&main = house_.main, left, last, alive = std::weak_ptr(alive_)] {
      main.post([left, last, alive] {
        if (--*left == 0 && !alive.expired()) (*last)();
      });
    });
  }
}

/// Whatever the seat's worker held is answered by others, or fails.
void Generation::empty_seat(Seat& seat, std::string_view how) {
  seat.disarm();
  seat.stuck.clear();
  seat.stacks.reset();
  seat.answers.clear();
  seat.state = Seat::State::empty;
  seat.outgoing = false;
  const std::shared_ptr<WorkerProcess> worker = std::exchange(seat.worker, nullptr);
  if (!worker) return;
  worker->kill();
  for (const auto& slot : worker->slots()) house_.queue.close(*slot, -1);
  for (std::size_t i = 0; i < house_.loops.size(); ++i) {
    house_.loops[i]->post(
        [lane = house_.lanes[i].get(), worker, how = std::string(how)] { lane->worker_gone(*worker, how); });
  }
}

/// An empty seat whose worker did not live well stays empty for a while.
void Generation::rest(Seat& seat, bool lived_well) {
  if (state_ >= State::leaving || killed_) return;
  if (lived_well) {
    seat.delay.reset();
    seat.failures = 0;
  } else {
    ++seat.failures;
    seat.state = Seat::State::resting;
    house_.main.arm(seat, seat.delay.next());
  }
  balance();
}

}  // namespace edge
