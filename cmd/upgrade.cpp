// The old edge's side of an upgrade.
#include "cmd/upgrade.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/log.h"

namespace edge {
namespace {

constexpr Milliseconds kCancelled{5'000};  // until a successor that shall stop is killed
constexpr std::size_t kMostSaid = 8 * 1024;

/// What may be given of our own standard input, output and error: -1 where there is none.
int standard(int number) {
  return ::fcntl(number, F_GETFD) >= 0 ? number : -1;
}

std::string how_it_ended(int status, int signal) {
  return signal != 0 ? fmt::format("died of signal {}", signal) : fmt::format("ended with status {}", status);
}

}  // namespace

Upgrade::~Upgrade() {
  if (under_way()) child_.signal(SIGKILL);
}

void Upgrade::begin(Program program, const Offer& offer, const InheritedSockets& activated, Milliseconds in_time,
                    Done done) {
  done_ = std::move(done);
  said_.clear();
  ready_ = late_ = false;
  in_time_ = in_time;
  const auto failed = [this](std::string why) {
    main_.post([this, error = std::move(why)]() mutable { finish({.error = std::move(error)}); });
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return failed(std::strerror(errno));
  UniqueFd heard(ends[0]);
  const UniqueFd told(ends[1]);
  program.descriptors = {standard(0), standard(1), standard(2)};
  for (const UniqueFd& one : activated.all()) program.descriptors.push_back(one.get());
  program.descriptors.push_back(told.get());
  program.descriptors.insert(program.descriptors.end(), offer.descriptors.begin(), offer.descriptors.end());
  program.environment.push_back(fmt::format("{}={}", Handover::kVariable, offer.handover.text()));
  Result<OutputLines::Ref> channel =
      OutputLines::open(main_, std::move(heard), [this](std::string_view text) { line(text); });
  if (!channel) return failed(channel.error().context);
  Result<ChildProcess> child =
      ChildProcess::spawn(main_, program, [this](int status, int signal) { ended(status, signal); });
  if (!child) return failed(child.error().context);
  channel_ = std::move(*channel);
  child_ = std::move(*child);
  log::info("upgrade: {} is started as pid {}", program.file, child_.pid());
  main_.arm(deadline_, in_time);
}

void Upgrade::cancel() {
  if (!under_way()) return;
  child_.signal(SIGTERM);
  main_.arm(deadline_, kCancelled);
}

void Upgrade::line(std::string_view text) {
  if (late_) return;  // it is being killed
  if (text.starts_with(Handover::kReady)) {
    ready_ = true;
    return main_.post([this, pid = child_.pid(), taken = Handover::taken_in(text)]() mutable {
      if (pid == child_.pid()) finish({.successor = pid, .taken = std::move(taken)});
    });
  }
  said_.append(text).append("\n");
  if (said_.size() > kMostSaid) said_.erase(0, said_.size() - kMostSaid);
}

void Upgrade::late() {
  channel_->read_all();
  if (ready_) return;
  late_ = true;
  child_.signal(SIGKILL);
}

void Upgrade::ended(int status, int signal) {
  if (channel_) channel_->read_all();
  const std::string how = late_ ? fmt::format("was not ready within {} s and was killed",
                                              std::chrono::duration_cast<std::chrono::seconds>(in_time_).count())
                                : how_it_ended(status, signal) + " before it was ready";
  const char* const hint =
      said_.empty() && !late_ ? "; its standard error, which is also this edge's, may say why" : "";
  finish({.error = fmt::format("pid {} {}{}", child_.pid(), how, hint), .said = std::move(said_)});
}

/// Not within a call of the channel, which is let go here.
void Upgrade::finish(Outcome outcome) {
  if (!under_way()) return;
  deadline_.disarm();
  channel_.reset();
  child_ = ChildProcess();
  std::exchange(done_, nullptr)(std::move(outcome));
}

}  // namespace edge
