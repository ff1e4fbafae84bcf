// Counting requests: those under way first, so that who waits for a turn is one of them; then the rates.
#include "core/limits/limits.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string>

#include "core/escape.h"
#include "core/http/request.h"
#include "core/log.h"

namespace edge {

namespace {

constexpr std::uint64_t kMillisecond = 1'000;  // microseconds
constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::size_t kMostShown = 100;  // bytes of a key in the log

/// Microseconds of a clock that all loops share: each turn's own is some milliseconds apart from the others'.
std::uint64_t clock_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond + static_cast<std::uint64_t>(time.tv_nsec) / 1'000;
}

/// What is counted, in memory that the next call of the thread uses again; nothing when the request has no value.
std::string_view counted(const LimitIdentity& limit, const Template& key, const Request& request) {
  thread_local std::string text;
  text.assign(limit.zone).push_back('\0');
  key.render(request, text);
  return text.size() == limit.zone.size() + 1 ? std::string_view() : std::string_view(text);
}

std::string_view value_of(std::string_view counted, const LimitIdentity& limit) {
  return counted.substr(limit.zone.size() + 1);
}

LimitVerdict in_dry_run(LimitVerdict verdict, bool dry_run) {
  if (!dry_run) return verdict;
  return verdict == LimitVerdict::rejected ? LimitVerdict::rejected_dry_run : LimitVerdict::delayed_dry_run;
}

std::string_view what_happens(LimitVerdict verdict) {
  switch (verdict) {
    case LimitVerdict::rejected:
      return "is refused";
    case LimitVerdict::rejected_dry_run:
      return "would be refused";
    case LimitVerdict::delayed_dry_run:
      return "would be slowed";
    default:
      return "is slowed";
  }
}

}  // namespace

void LimitCounts::add(LimitVerdict verdict) {
  std::atomic<std::uint64_t>& count = verdict == LimitVerdict::rejected           ? refused
                                      : verdict == LimitVerdict::rejected_dry_run ? would_have_refused
                                      : verdict == LimitVerdict::delayed          ? delayed
                                                                                  : would_have_delayed;
  count.fetch_add(1, std::memory_order_relaxed);
}

/// A request that waits its turn is no news: $limit_req_status and the counts tell.
void Limits::note(LimitVerdict verdict, const LimitIdentity& limit, LimitCounts& counts, const Request& request,
                  std::string_view key) const {
  counts.add(verdict);
  if (verdict == LimitVerdict::delayed || !counts.lines.lets_pass(request.loop.now())) return;
  std::string shown;
  append_printable(key.substr(0, kMostShown), shown);
  log::warn("request {}: {} {} {} by {}{}{}", request.id(), request.method_name, request.target, what_happens(verdict),
            limit.text, key.empty() ? "" : ": ", shown);
}

void Limits::note_slowed(const Request& request) const {
  const LimitIdentity& limit = settings_->bandwidth->identity;
  note(in_dry_run(LimitVerdict::delayed, limit.dry_run), limit, *counts_.bandwidth, request, {});
}

Limits::Admission Limits::admit(Request& request) const {
  request.limited.leave();
  request.limited.counted_by = this;
  const std::uint64_t now = clock_now();
  const Admission entered = enter(request, now);
  if (entered.refused_with != 0) return entered;
  const Admission passed = pass(request, now);
  if (passed.refused_with != 0) request.limited.leave();
  return passed;
}

Limits::Admission Limits::enter(Request& request, std::uint64_t now) const {
  LimitState& state = request.limited;
  for (std::size_t i = 0; i < settings_->connections.size(); ++i) {
    const ConcurrencyLimit& limit = settings_->connections[i];
    const std::string_view key = counted(limit.identity, limit.key, request);
    if (key.empty()) continue;
    LimitTicket ticket;
    const LimitStore::Entry entry = store_.enter(key, limit.most, now, ticket);
    if (entry == LimitStore::Entry::entered) state.hold(store_, ticket);
    const bool full = entry == LimitStore::Entry::full;
    const LimitVerdict verdict =
        full ? in_dry_run(LimitVerdict::rejected, limit.identity.dry_run) : LimitVerdict::passed;
    state.connections = std::max(state.connections, verdict);
    if (full) note(verdict, limit.identity, *counts_.connections[i], request, value_of(key, limit.identity));
    if (verdict != LimitVerdict::rejected) continue;
    state.leave();
    return {.refused_with = limit.status};
  }
  return {};
}

Limits::Admission Limits::pass(Request& request, std::uint64_t now) const {
  LimitState& state = request.limited;
  std::array<LimitTicket, kMostLimits> counted_before;
  std::array<const RequestRate*, kMostLimits> rates{};
  std::size_t before = 0;
  std::uint64_t wait = 0;
  for (std::size_t i = 0; i < settings_->requests.size(); ++i) {
    const RequestLimit& limit = settings_->requests[i];
    const std::string_view key = counted(limit.identity, limit.key, request);
    if (key.empty()) continue;
    const LimitStore::Passage passage = store_.pass(key, limit.rate, now);
    const bool waits = passage.passes && limit.delay && passage.wait >= kMillisecond;
    LimitVerdict verdict = LimitVerdict::passed;
    if (!passage.passes || waits) {
      verdict = in_dry_run(waits ? LimitVerdict::delayed : LimitVerdict::rejected, limit.identity.dry_run);
      note(verdict, limit.identity, *counts_.requests[i], request, value_of(key, limit.identity));
    }
    state.requests = std::max(state.requests, verdict);
    if (verdict == LimitVerdict::delayed) wait = std::max(wait, passage.wait);
    if (verdict == LimitVerdict::rejected) {
      while (before-- > 0) store_.give_back(counted_before[before], *rates[before]);
      return {.refused_with = limit.status, .retry_after = (passage.wait + kSecond - 1) / kSecond};
    }
    if (!passage.passes) continue;
    counted_before[before] = passage.ticket;
    rates[before++] = &limit.rate;
  }
  return {.wait = Milliseconds((wait + kMillisecond - 1) / kMillisecond)};
}

}  // namespace edge
