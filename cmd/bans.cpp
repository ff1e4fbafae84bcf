// From a ban to the loops that go by it, and to the disk.
#include "cmd/bans.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "cmd/ban_file.h"
#include "config/values.h"
#include "core/log.h"
#include "core/net/close_elsewhere.h"
#include "core/net/run_elsewhere.h"

namespace edge {

namespace {

constexpr Milliseconds kBetween{250};       // two publishings
constexpr Milliseconds kLook{1'000};        // for bans that have ended
constexpr std::size_t kMostShown = 40'000;  // in one answer, of at most 16 MiB

std::shared_ptr<const AddressSet> set_of(const std::vector<AddressRange>& ranges, Loop& main) {
  if (ranges.empty()) return nullptr;
  AddressSet::Builder builder;
  for (const AddressRange& range : ranges) builder.add(range);
  return ending_elsewhere(main, builder.build());
}

std::string time_text(Milliseconds duration) {
  return duration.count() == 0 ? "until it is lifted"
                               : "for " + config::duration_text(static_cast<std::uint64_t>(duration.count()));
}

std::int64_t end_of(Milliseconds duration, std::int64_t now) {
  return duration.count() == 0 ? 0 : now + (duration.count() + 999) / 1000;
}

}  // namespace

Bans::Bans(Running& running) : running_(running) {
  running_.guard.ban = [this](const Address& client, const BanRule& rule) {
    running_.main.post([this, client, rule] { earned(client, rule); });
  };
}

Result<void> Bans::open() {
  folder_ = running_.snapshot->process.state_dir;
  if (folder_.empty()) return {};
  Result<std::vector<Ban>> kept = read_ban_file(folder_);
  if (!kept && kept.error().kind != ErrorKind::malformed) return std::unexpected(std::move(kept.error()));
  if (!kept) {
    log::error("{}", kept.error().context);
    return {};
  }
  std::size_t left_out = 0;
  for (Ban& ban : *kept) left_out += list_.put(std::move(ban), running_.snapshot->process.max_bans) ? 0 : 1;
  if (left_out > 0) log::warn("{} bans of {} are above edge.max_bans and do not hold: raise it", left_out, folder_);
  list_.expire(std::time(nullptr));
  std::vector<AddressRange> ranges;
  for (const auto& [range, ban] : list_.all()) ranges.push_back(range);
  published_ = set_of(ranges, running_.main);
  publish_to_loops(published_, [] {});
  if (list_.has_ends()) running_.main.arm(look_, kLook);
  if (size() > 0) log::info("bans: {} are taken up from {}", size(), folder_);
  return {};
}

void Bans::take_over() {
  if (folder_.empty()) return;
  list_ = {};
  published_.reset();
  if (const Result<void> opened = open(); !opened) log::error("{}", opened.error().context);
  if (!published_) publish_to_loops(nullptr, [] {});
}

void Bans::leave() {
  left_ = true;
}

void Bans::close() {
  next_.disarm();
  look_.disarm();
  if (!is_kept() || !(dirty_ || under_way_)) return;
  const Result<void> result = write_ban_file(folder_, copied());
  if (!result) log::error("bans are lost: {}", result.error().context);
}

std::string Bans::cannot_ban(const AddressRange& range) const {
  const auto& trusted = running_.snapshot->process.trusted_proxies;
  const bool is_one = range.text().find('/') == std::string::npos;
  if (is_one && trusted && trusted->contains(range.network)) {
    return range.text() + " is in edge.trusted_proxies, which are never banned; ban the clients behind it";
  }
  return {};
}

void Bans::ban(const BanOrder& order, Done done) {
  BanReport report{.ok = false, .address = order.range.text()};
  report.error = cannot_ban(order.range);
  if (!report.error.empty()) return done(std::move(report));
  const std::int64_t now = std::time(nullptr);
  const std::uint64_t most = running_.snapshot->process.max_bans;
  if (!list_.put({order.range, now, end_of(order.duration, now), false, order.why.substr(0, kLongestReason)}, most)) {
    report.error = fmt::format("there are {} bans, which is edge.max_bans; lift some, or raise it", most);
    return done(std::move(report));
  }
  log::info("{} is banned {}: {}", report.address, time_text(order.duration),
            order.why.empty() ? "the command ban" : order.why);
  waiting_.push_back([tell = std::move(done), report](BanReport how) mutable {
    how.address = report.address;
    tell(std::move(how));
  });
  changed();
}

void Bans::lift(const AddressRange& range, Done done) {
  BanReport report{.ok = false, .address = range.text()};
  if (!list_.lift(range)) {
    const Ban* const around = list_.holding(range.network);
    report.error =
        around ? fmt::format("{} is not banned by itself, but with {}; lift that", report.address, around->range.text())
               : report.address + " is not banned";
    return done(std::move(report));
  }
  log::info("{} is not banned any more: the command unban", report.address);
  waiting_.push_back([tell = std::move(done), report](BanReport how) mutable {
    how.address = report.address;
    tell(std::move(how));
  });
  changed();
}

/// The client may have earned it on several loops at once, or again before the first one was made known.
void Bans::earned(const Address& client, const BanRule& rule) {
  const AddressRange range = client_network(client);
  if (list_.contains(range) || (published_ && published_->contains(client)) || !cannot_ban(range).empty()) return;
  const std::int64_t now = std::time(nullptr);
  const std::uint64_t most = running_.snapshot->process.max_bans;
  if (!list_.put({range, now, end_of(rule.duration, now), true, rule.text.substr(0, kLongestReason)}, most)) {
    static LogPace pace;
    if (pace.lets_pass(running_.main.now())) {
      log::warn("{} has earned a ban ({}), but there are {}, which is edge.max_bans", range.text(), rule.text, most);
    }
    return;
  }
  log::info("{} is banned {}: {}", range.text(), time_text(rule.duration), rule.text);
  changed();
}

/// The first of several changes is made known at once.
void Bans::changed() {
  dirty_ = true;
  if (!under_way_ && !next_.armed()) publish();
}

std::vector<Ban> Bans::copied() const {
  std::vector<Ban> bans;
  bans.reserve(size());
  for (const auto& [range, ban] : list_.all()) bans.push_back(ban);
  return bans;
}

void Bans::publish() {
  if (!dirty_ || under_way_) return;
  dirty_ = false;
  under_way_ = true;
  publishing_for_ = std::exchange(waiting_, {});
  if (list_.has_ends() && !look_.armed()) running_.main.arm(look_, kLook);
  std::vector<AddressRange> ranges;
  ranges.reserve(size());
  for (const auto& [range, ban] : list_.all()) ranges.push_back(range);
  const auto build = [ranges = std::move(ranges), &main = running_.main] { return set_of(ranges, main); };
  const auto built = [this, alive = std::weak_ptr(alive_)](std::shared_ptr<const AddressSet> banned) {
    if (alive.expired()) return;
    published_ = std::move(banned);
    publish_to_loops(published_, [this] { write(); });
  };
  run_elsewhere(running_.main, build, built);
}

void Bans::publish_to_loops(const std::shared_ptr<const AddressSet>& banned, const std::function<void()>& done) {
  const auto left = std::make_shared<std::size_t>(running_.loops.size());
  for (const auto& loop : running_.loops) {
    loop->renew_bans(banned, [&main = running_.main, left, done] {
      main.post([left, done] {
        if (--*left == 0) done();
      });
    });
  }
}

void Bans::write() {
  if (!is_kept()) return settled({});
  const auto write = [folder = folder_, bans = copied()] { return write_ban_file(folder, bans); };
  const auto done = [this, alive = std::weak_ptr(alive_)](const Result<void>& result) {
    if (!alive.expired()) written(result);
  };
  run_elsewhere(running_.main, write, done);
}

void Bans::written(const Result<void>& result) {
  const std::string problem = result ? std::string() : result.error().context;
  if (!problem.empty() && problem != problem_) log::error("bans do not outlive edge: {}", problem);
  problem_ = problem;
  settled(problem);
}

void Bans::settled(const std::string& problem) {
  under_way_ = false;
  BanReport report{.ok = true, .note = {}};
  if (folder_.empty()) report.note = "kept in memory only, until edge stops or is upgraded: give edge.state_dir";
  if (!problem.empty()) report.note = "it does not outlive edge: " + problem;
  for (Done& done : std::exchange(publishing_for_, {})) done(report);
  running_.main.arm(next_, kBetween);
}

void Bans::expire() {
  if (const std::size_t ended = list_.expire(std::time(nullptr)); ended > 0) {
    log::info("{} ban{} ended", ended, ended == 1 ? " has" : "s have");
    changed();
  }
  if (list_.has_ends()) running_.main.arm(look_, kLook);
}

BansReport Bans::report() const {
  BansReport report{.total = size(), .most = running_.snapshot->process.max_bans, .kept_in = folder_};
  for (const auto& [range, ban] : list_.all()) {
    if (report.bans.size() == kMostShown) break;
    report.bans.push_back({range.text(), ban.since, ban.until, ban.automatic, ban.why});
  }
  return report;
}

}  // namespace edge
