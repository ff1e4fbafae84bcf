// An app's workers: asking for them, letting the loops have them, and replacing those that ended.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "appserver/app_pool.h"
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

AppPool::Seat::Seat(AppPool& in, std::uint32_t at)
    : pool(in), number(at), delay(in.app_.restart_delay, in.app_.restart_max_delay) {}

void AppPool::want_worker(Seat& seat) {
  if (stopping_ || failed_ || !imported_ || seat.state != Seat::State::empty) return;
  seat.state = Seat::State::wanted;
  fork_next();
}

void AppPool::fork_next() {
  if (forking_ || !zygote_ || stopping_) return;
  for (const auto& owned : seats_) {
    Seat& seat = *owned;
    if (seat.state != Seat::State::wanted) continue;
    seat.since = main_.now();
    Result<std::vector<std::vector<UniqueFd>>> workers_ends = make_channels(seat);
    if (!workers_ends) {
      log::error("[{}] worker {} cannot be started: {}", app_.name, seat.number, workers_ends.error().context);
      empty_seat(seat);
      replace(seat, false);
      continue;
    }
    seat.state = Seat::State::forking;
    forking_ = &seat;
    main_.arm(seat, app_.start_timeout);
    return zygote_->fork(*seat.worker, std::move(*workers_ends));
  }
}

/// Fills seat.worker and seat.answers; returns the worker's ends, by thread and then by loop.
Result<std::vector<std::vector<UniqueFd>>> AppPool::make_channels(Seat& seat) {
  auto worker = WorkerProcess::create(seat.number, app_.threads, loops_.size());
  if (!worker) return std::unexpected(std::move(worker.error()));
  std::vector<std::vector<UniqueFd>> theirs(app_.threads);
  std::vector<std::vector<UniqueFd>> ours(loops_.size());
  for (std::vector<UniqueFd>& thread : theirs) {
    for (std::vector<UniqueFd>& loop : ours) {
      int ends[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return fail(ErrorKind::internal, Side::ours, std::string("no channel for answers: ") + std::strerror(errno));
      }
      loop.emplace_back(ends[0]);
      thread.emplace_back(ends[1]);
      fcntl(ends[0], F_SETFL, O_NONBLOCK);  // the worker's end stays blocking
    }
  }
  seat.worker = std::move(*worker);
  seat.answers = std::move(ours);
  return theirs;
}

void AppPool::on_worker_forked(std::uint32_t number, pid_t pid) {
  Seat& seat = *seats_[number];
  if (forking_ == &seat) forking_ = nullptr;
  if (seat.state == Seat::State::forking) seat.state = Seat::State::starting;
  const bool known = seat.worker && seat.worker->pid() != 0;
  if (seat.worker && !known && is_child_of(pid, zygote_->pid())) {
    seat.worker->identify(pid);
    if (killed_) seat.worker->kill();
  }
  fork_next();
}

void AppPool::on_worker_ready(std::uint32_t number, pid_t pid) {
  Seat& seat = *seats_[number];
  if (seat.state != Seat::State::forking && seat.state != Seat::State::starting) return;
  if (seat.worker->pid() == 0) seat.worker->identify(pid);  // its word was quicker than that of the zygote
  if (seat.worker->pid() != pid) {
    return log::error("[{}] process {} says that it is worker {}, which it is not", app_.name, pid, number);
  }
  seat.state = Seat::State::joining;
  seat.disarm();
  join(seat);
}

/// Hands the channels to the loops. Slots are opened only when every loop has its own.
void AppPool::join(Seat& seat) {
  seat.joins_left = loops_.size();
  seat.joined_well = true;
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    loops_[i]->post([this, &seat, i, worker = seat.worker, answers = std::move(seat.answers[i])]() mutable {
      const bool well = lanes_[i]->add_worker(worker, std::move(answers)).has_value();
      main_.post([this, &seat, worker, well] { on_joined(seat, worker, well); });
    });
  }
  seat.answers.clear();
}

void AppPool::on_joined(Seat& seat, const std::shared_ptr<WorkerProcess>& worker, bool well) {
  if (seat.worker != worker || seat.state != Seat::State::joining) return;  // it has ended meanwhile
  if (!well) seat.joined_well = false;
  if (--seat.joins_left > 0) return;
  if (!seat.joined_well) {
    log::error("[{}] a loop cannot watch the answers of worker {}: it is killed", app_.name, seat.number);
    return worker->kill();
  }
  seat.state = Seat::State::serving;
  for (const auto& slot : worker->slots()) queue_.open(*slot, -1);
  log::debug("[{}] worker {} (pid {}) is ready", app_.name, seat.number, worker->pid());
  if (started_ || failed_) return;
  for (const auto& other : seats_) {
    if (other->state != Seat::State::serving) return;
  }
  report(true);
}

void AppPool::on_seat_deadline(Seat& seat) {
  if (seat.state == Seat::State::empty) return want_worker(seat);
  log::error("[{}] worker {} was not ready within start_timeout ({} ms): it is killed", app_.name, seat.number,
             app_.start_timeout.count());
  if (seat.worker->pid() != 0) {
    seat.worker->kill();
  } else {
    zygote_->kill();  // it does not even fork
  }
}

void AppPool::on_worker_import_failed(std::uint32_t number, std::string_view text) {
  log::error("[{}] worker {}: {}", app_.name, number, text);
  if (!started_) give_up_start("it cannot be imported");
}

void AppPool::on_worker_exited(std::uint32_t number, pid_t pid, int wait_status) {
  Seat& seat = *seats_[number];
  if (forking_ == &seat) forking_ = nullptr;
  if (!seat.worker || (pid != 0 && seat.worker->pid() != 0 && seat.worker->pid() != pid)) return fork_next();
  const std::string how =
      WIFSIGNALED(wait_status) ? how_it_ended(0, WTERMSIG(wait_status)) : how_it_ended(WEXITSTATUS(wait_status), 0);
  const bool expected = stopping_ || failed_;
  log::write(expected ? LogLevel::debug : LogLevel::error, "[{}] worker {} (pid {}) {}", app_.name, number, pid, how);
  std::uint64_t answered = 0;
  for (const auto& slot : seat.worker->slots()) answered += queue_.answered(*slot);
  const bool lived_well =
      seat.state == Seat::State::serving && (answered > 0 || main_.now() - seat.since > RestartDelay::kGoodLife);
  empty_seat(seat);
  replace(seat, lived_well);
  fork_next();
}

/// Whatever the seat's worker held is answered by others, or fails.
void AppPool::empty_seat(Seat& seat) {
  seat.disarm();
  seat.answers.clear();
  seat.state = Seat::State::empty;
  const std::shared_ptr<WorkerProcess> worker = std::exchange(seat.worker, nullptr);
  if (!worker) return;
  worker->kill();
  for (const auto& slot : worker->slots()) queue_.close(*slot, -1);
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    loops_[i]->post([lane = lanes_[i].get(), worker] { lane->worker_gone(*worker); });
  }
}

void AppPool::replace(Seat& seat, bool lived_well) {
  if (stopping_ || failed_) return;
  if (lived_well) {
    seat.delay.reset();
    return want_worker(seat);
  }
  main_.arm(seat, seat.delay.next());
}

}  // namespace edge
