// A server's places, its rests, and the average of its latency.
#include "proxy/server.h"

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace edge {
namespace {

constexpr std::uint8_t kMostLevel = 3;            // 8 times the configured rest
constexpr std::uint32_t kLeastShare = 20;         // thousandths
constexpr std::uint64_t kLatencyHalves = 10'000;  // milliseconds without an answer
constexpr std::uint64_t kLatencyWeight = 8;       // one answer is an eighth of the average
constexpr std::size_t kMostFailureText = 500;
constexpr auto kRelaxed = std::memory_order_relaxed;

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, kRelaxed) + 1;
}

std::uint64_t count_of(Milliseconds duration) {
  return static_cast<std::uint64_t>(std::max<Milliseconds::rep>(duration.count(), 0));
}

}  // namespace

std::string_view failure_text(ErrorKind kind) {
  return kind == ErrorKind::timed_out ? "it was too slow" : "it could not be reached, broke off or spoke nonsense";
}

Server::Passive Server::Passive::unpack(std::uint64_t word) {
  return {
      .state = static_cast<State>(word & 3U), .level = static_cast<std::uint8_t>(word >> 2U & 63U), .time = word >> 8U};
}

std::uint64_t Server::Passive::pack() const {
  return std::uint64_t{state} | std::uint64_t{level} << 2U | time << 8U;
}

Server::Server(std::string upstream, std::string url, ServerAddress at, std::uint64_t up_since)
    : number_(next_number()),
      upstream_(std::move(upstream)),
      url_(std::move(url)),
      at_(std::move(at)),
      name_(at_.text()),
      passive_(Passive{.time = up_since}.pack()) {}

Standing Server::standing(std::uint64_t now) const {
  if (is_held_down()) return Standing::held_down;
  const Passive at = passive();
  if (at.state == Passive::up) return Standing::up;
  return now >= at.time ? Standing::trial_due : Standing::ejected;
}

std::uint32_t Server::share(std::uint64_t now, Milliseconds slow_start) const {
  const Passive at = passive();
  const std::uint64_t whole = count_of(slow_start);
  if (whole == 0 || at.state != Passive::up || at.time == 0 || now >= at.time + whole) return 1'000;
  const std::uint64_t gone = now > at.time ? now - at.time : 0;
  return std::max(kLeastShare, static_cast<std::uint32_t>(1'000 * gone / whole));
}

Microseconds Server::latency(std::uint64_t now) const {
  const std::uint64_t at = latency_at_.load(kRelaxed);
  const std::uint64_t halvings = now > at ? (now - at) / kLatencyHalves : 0;
  return Microseconds(halvings > 40 ? 0 : latency_.load(kRelaxed) >> halvings);
}

std::uint64_t Server::ejected_until() const {
  const Passive at = passive();
  return at.state == Passive::up ? 0 : at.time;
}

bool Server::take_place(std::uint32_t most) {
  if (most == 0) {
    in_flight_.fetch_add(1, kRelaxed);
    return true;
  }
  std::uint32_t taken = in_flight_.load(kRelaxed);
  while (taken < most) {
    if (in_flight_.compare_exchange_weak(taken, taken + 1, kRelaxed)) return true;
  }
  return false;
}

Entry Server::enter(std::uint64_t now, std::uint32_t most, Milliseconds trial, bool regardless) {
  if (!take_place(most)) return Entry::full;
  const Passive at = passive();
  if (at.state == Passive::up) return Entry::taken;
  const Passive tried{.state = Passive::on_trial, .level = at.level, .time = now + count_of(trial)};
  if (now >= at.time && change(at, tried, now)) return Entry::taken;
  if (regardless) return Entry::taken;
  leave();
  return Entry::resting;
}

bool Server::change(Passive from, Passive to, std::uint64_t now) {
  std::uint64_t word = from.pack();
  if (!passive_.compare_exchange_strong(word, to.pack(), kRelaxed)) return false;
  changed_at_.store(now, kRelaxed);
  return true;
}

bool Server::note_success(std::uint64_t began, std::uint64_t now, Microseconds latency) {
  served_.fetch_add(1, kRelaxed);
  const auto sample = static_cast<std::uint64_t>(std::max<Microseconds::rep>(latency.count(), 1));
  const std::uint64_t average = latency_.load(kRelaxed);
  const std::uint64_t next = average == 0 ? sample : (average * (kLatencyWeight - 1) + sample) / kLatencyWeight;
  latency_.store(std::max<std::uint64_t>(next, 1), kRelaxed);
  latency_at_.store(now, kRelaxed);
  if (failures_in_a_row() != 0) failures_in_a_row_.store(0, kRelaxed);
  const Passive at = passive();
  if (at.state == Passive::up || began < changed_at_.load(kRelaxed)) return false;
  if (!change(at, {.state = Passive::up, .level = at.level, .time = now}, now)) return false;
  log::info("[{}] server {} answers again", upstream_, name_);
  return true;
}

void Server::note_failure(std::uint64_t began, std::uint64_t now, const EjectSettings& settings, ErrorKind why) {
  failed_.fetch_add(1, kRelaxed);
  last_failure_.store(why, kRelaxed);
  const Passive at = passive();
  if (settings.failures == 0 || at.state == Passive::resting || began < changed_at_.load(kRelaxed)) return;
  const auto next_level = static_cast<std::uint8_t>(std::min<int>(at.level + 1, kMostLevel));
  if (at.state == Passive::on_trial) return rest(at, next_level, now, settings, why);
  if (failures_in_a_row_.fetch_add(1, kRelaxed) + 1 < settings.failures) return;
  const bool was_well = at.time == 0 || now >= at.time + (count_of(settings.duration) << kMostLevel);
  rest(at, was_well ? std::uint8_t{0} : next_level, now, settings, why);
}

void Server::rest(Passive from, std::uint8_t level, std::uint64_t now, const EjectSettings& settings, ErrorKind why) {
  const std::uint64_t duration = count_of(settings.duration) << level;
  if (!change(from, {.state = Passive::resting, .level = level, .time = now + duration}, now)) return;
  const std::uint32_t failures = failures_in_a_row_.exchange(0, kRelaxed);
  const std::string how_long =
      duration < 1'000 ? fmt::format("{} ms", duration) : fmt::format("{} s", duration / 1'000);
  if (from.state == Passive::on_trial) {
    log::warn("[{}] server {} is left alone for {} more: {}", upstream_, name_, how_long, failure_text(why));
  } else {
    const std::string after = failures == 1 ? "1 failure" : fmt::format("{} failures in a row, at last", failures);
    log::warn("[{}] server {} is left alone for {} after {}: {}", upstream_, name_, how_long, after, failure_text(why));
  }
}

void Server::keep_failure(std::int64_t at, std::string_view text) {
  const std::lock_guard lock(past_lock_);
  past_failure_.at = at;
  past_failure_.text.assign(text.substr(0, kMostFailureText));
}

Server::PastFailure Server::past_failure() const {
  const std::lock_guard lock(past_lock_);
  return past_failure_;
}

std::shared_ptr<Server::IdleCount> Server::add_idle_count() const {
  auto count = std::make_shared<IdleCount>(0);
  const std::lock_guard lock(idle_lock_);
  std::erase_if(idle_counts_, [](const auto& known) { return known.expired(); });
  idle_counts_.push_back(count);
  return count;
}

std::uint32_t Server::idle() const {
  const std::lock_guard lock(idle_lock_);
  std::uint32_t sum = 0;
  for (const auto& known : idle_counts_) {
    if (const std::shared_ptr<const IdleCount> count = known.lock()) sum += count->load(kRelaxed);
  }
  return sum;
}

void Server::let_up(std::uint64_t now) {
  failures_in_a_row_.store(0, kRelaxed);
  passive_.store(Passive{.time = now}.pack(), kRelaxed);
  changed_at_.store(now, kRelaxed);
  held_down_.store(false, kRelaxed);
}

}  // namespace edge
