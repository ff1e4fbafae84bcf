// A generation's life as a whole, and its zygote. The workers are in generation_workers.cpp, their number in
// generation_size.cpp.
#include "appserver/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "core/log.h"

namespace edge {

namespace {

constexpr Milliseconds kZygoteAnswers{5'000};   // to kAskChanged
constexpr Milliseconds kLastWorkerEnds{1'000};  // after its own deadline

}  // namespace

Generation::Generation(AppHouse& house, Owner& owner, std::shared_ptr<const config::App> app, std::uint32_t number)
    : house_(house),
      owner_(owner),
      app_(std::move(app)),
      number_(number),
      zygote_delay_(app_->restart_delay, app_->restart_max_delay) {}

Generation::~Generation() {
  assert(!zygote_ && !finding_ && "a generation was destroyed before it had ended");
}

void Generation::start(unsigned workers) {
  target_ = workers;
  since_ = house_.main.now();
  finding_interpreter_ = find_interpreter();
}

Task<void> Generation::find_interpreter() {
  finding_ = true;
  const auto find = [app = app_, self = house_.self_exe] { return Interpreter::find(*app, self, app->start_timeout); };
  Result<Interpreter> found = co_await house_.main.offload(find);
  finding_ = false;
  if (killed_) {
    end();
  } else if (!found) {
    fail(found.error().context);
  } else {
    interpreter_ = std::move(*found);
    spawn_zygote();
  }
}

void Generation::spawn_zygote() {
  imported_ = import_failed_ = folders_told_ = false;
  zygote_since_ = house_.main.now();
  Result<std::unique_ptr<Zygote>> zygote = Zygote::start(
      house_.main, *app_, {number_, static_cast<bool>(house_.open_folders)}, interpreter_, house_.gateway.get(), *this);
  if (!zygote) {
    if (begins()) return fail(zygote.error().context);
    trouble(zygote.error().context);
    return house_.main.arm(zygote_deadline_, zygote_delay_.next());
  }
  zygote_ = std::move(*zygote);
  house_.main.arm(zygote_deadline_, app_->start_timeout);
}

void Generation::on_zygote_deadline() {
  if (!zygote_) return spawn_zygote();
  if (state_ >= State::leaving) {
    trouble("the process that holds the app did not end when it was told to: it is killed");
    return zygote_->kill();
  }
  const bool hangs = !imported_;
  trouble(fmt::format("{} within start_timeout ({} ms)",
                      hangs ? "the app was not imported" : "not every worker was ready", app_->start_timeout.count()));
  if (begins()) return fail(hangs ? "its import takes too long" : "its workers do not become ready");
  if (hangs) zygote_->kill();
}

void Generation::on_imported() {
  if (imported_) return;
  imported_ = true;
  if (state_ == State::importing) {
    state_ = State::starting;  // the deadline goes on: it holds for the workers too
  } else {
    zygote_deadline_.disarm();
  }
  log::debug("[{}] generation {} imported by {} (pid {})", app_->name, number_, interpreter_.file, zygote_->pid());
  balance();
}

void Generation::on_import_failed(std::string_view text) {
  import_failed_ = true;
  if (text.starts_with(app_->name + ": ")) text.remove_prefix(app_->name.size() + 2);
  import_error_ = text;
  log::error("[{}] {}", app_->name, import_error_);
  if (!begins()) owner_.on_trouble(import_error_);
}

void Generation::on_zygote_ended(int status, int signal) {
  const pid_t pid = zygote_->pid();
  const bool expected = killed_ || import_failed_ || state_ >= State::leaving;
  if (!expected || (state_ == State::kept && signal != 0)) {
    trouble(fmt::format("the process that holds the app (pid {}, {}) {}", pid, interpreter_.file,
                        how_it_ended(status, signal)));
  }
  zygote_.reset();
  zygote_deadline_.disarm();
  forking_ = nullptr;
  answer_changed("the app's zygote has ended");
  for (const auto& seat : seats_) {
    if (seat->worker && has_answered(*seat->worker)) answered_ = true;
    empty_seat(*seat, "its zygote has ended");
  }
  if (killed_ || state_ >= State::leaving) return end();
  if (state_ != State::serving) {
    if (import_failed_) return fail("it cannot be imported");
    return fail(imported_ ? "its Python ended before every worker was ready"
                          : "its Python ended before the app was imported");
  }
  const bool lived_long = imported_ && house_.main.now() - zygote_since_ > RestartDelay::kGoodLife;
  if (std::exchange(answered_, false) || lived_long) {
    zygote_failures_ = 0;
    zygote_delay_.reset();
    return spawn_zygote();
  }
  ++zygote_failures_;
  house_.main.arm(zygote_deadline_, zygote_delay_.next());
}

void Generation::become_ready() {
  ready_waits_ = opening_;
  if (ready_waits_) return;
  zygote_deadline_.disarm();
  state_ = State::ready;
  owner_.on_ready(*this);
}

void Generation::fail(const std::string& why) {
  if (killed_) return;
  owner_.on_failed(*this, import_error_.empty() ? why : import_error_ + "\n" + why);
  give_up();
}

void Generation::give_up() {
  const bool finishes =
      std::ranges::any_of(seats_, [](const auto& seat) { return seat->state == Seat::State::leaving; });
  if (!finishes) return kill();
  if (state_ < State::leaving) leave(false);
}

void Generation::trouble(const std::string& text) {
  log::error("[{}] {}", app_->name, text);
  owner_.on_trouble(text);
}

void Generation::serve() {
  state_ = State::serving;
  serve_folders();
  for (const auto& seat : seats_) {
    if (seat->state != Seat::State::serving) continue;
    for (const auto& slot : seat->worker->slots()) house_.queue.open(*slot, -1);
  }
  if (app_->max_memory > 0) watch_memory();
  if (target_ > app_->processes) shrink();
  balance();
}

void Generation::leave(bool keep) {
  keep_ = keep && app_->preload && imported_;
  state_ = State::leaving;
  for (Alarm* alarm : {&grow_, &shrink_, &memory_, &zygote_deadline_}) alarm->disarm();
  for (const auto& seat : seats_) {
    if (seat->state == Seat::State::serving) {
      retire(*seat);
    } else if (seat->starts() && seat->state != Seat::State::wanted) {
      seat->state = Seat::State::leaving;  // until it is known which process it is
      house_.main.arm(*seat, app_->shutdown_timeout);
      seat->worker->kill();
    } else if (seat->state != Seat::State::leaving) {
      empty_seat(*seat, "the app leaves");
    }
  }
  if (!zygote_) return end();
  if (!keep_) {
    zygote_->stop();
    house_.main.arm(zygote_deadline_, app_->shutdown_timeout + kLastWorkerEnds);
  }
  finish_leaving();
}

void Generation::finish_leaving() {
  if (state_ != State::leaving || !keep_) return;
  const bool any = std::ranges::any_of(seats_, [](const auto& seat) { return seat->state != Seat::State::empty; });
  if (!any) state_ = State::kept;
}

bool Generation::revive(unsigned workers) {
  if (!zygote_ || !imported_ || !keep_ || killed_) return false;
  state_ = State::starting;
  target_ = workers;
  house_.main.arm(zygote_deadline_, app_->start_timeout);
  open_folders_again([] {});  // routes may have come and gone meanwhile
  balance();
  return true;
}

void Generation::kill() {
  if (std::exchange(killed_, true)) return;
  for (Alarm* alarm : {&grow_, &shrink_, &memory_, &zygote_deadline_}) alarm->disarm();
  for (const auto& seat : seats_) {
    seat->disarm();
    if (seat->worker) seat->worker->kill();
  }
  if (zygote_) {
    zygote_->kill();
  } else {
    end();
  }
}

void Generation::end() {
  if (finding_ || opening_ || zygote_ || state_ == State::ended) return;
  state_ = State::ended;
  zygote_deadline_.disarm();
  owner_.on_ended(*this);
}

void Generation::ask_changed(std::move_only_function<void(std::string)> answer) {
  if (!zygote_ || !imported_) return answer("the app is not imported at the moment");
  answer_changed("it was asked again");
  when_changed_known_ = std::move(answer);
  house_.main.arm(changed_deadline_, kZygoteAnswers);
  zygote_->ask_changed();
}

void Generation::on_changed(std::string_view what) {
  answer_changed(std::string(what));
}

void Generation::answer_changed(std::string what) {
  changed_deadline_.disarm();
  if (auto answer = std::exchange(when_changed_known_, nullptr)) answer(std::move(what));
}

bool Generation::is_crashing() const {
  constexpr unsigned kMany = 3;
  const auto lives_well = [now = house_.main.now()](std::uint64_t since) {
    return now - since > RestartDelay::kGoodLife;
  };
  if (zygote_failures_ >= kMany && !(zygote_ && imported_ && lives_well(zygote_since_))) return true;
  return std::ranges::any_of(seats_, [&](const auto& seat) {
    return seat->failures >= kMany && !(seat->state == Seat::State::serving && lives_well(seat->since));
  });
}

GenerationStatus Generation::status() const {
  static constexpr const char* kNames[] = {"importing", "starting",          "starting", "serving",
                                           "leaving",   "kept for rollback", "ended"};
  GenerationStatus status{.number = number_,
                          .state = kNames[static_cast<int>(state_)],
                          .zygote = zygote_ ? zygote_->pid() : 0,
                          .python = interpreter_.file,
                          .age = house_.main.now() - since_};
  if (folders_) status.folders = folders_->folders();
  for (const auto& seat : seats_) {
    if (seat->state == Seat::State::empty) continue;
    WorkerStatus worker{.number = seat->number, .generation = number_};
    if (seat->state == Seat::State::resting)
      worker.state = "waiting to restart";
    else if (seat->state == Seat::State::leaving)
      worker.state = "leaving";
    else
      worker.state = seat->state == Seat::State::serving ? "idle" : "starting";
    if (seat->worker) {
      worker.pid = seat->worker->pid();
      worker.age = house_.main.now() - seat->since;
      worker.in_flight = house_.queue.busy(*seat->worker);
      for (const auto& slot : seat->worker->slots()) {
        worker.requests += house_.queue.answered(*slot);
        if (worker.state == "idle" && house_.queue.is_away(*slot)) worker.state = "finishing";
      }
    }
    status.workers.push_back(std::move(worker));
  }
  return status;
}

}  // namespace edge
