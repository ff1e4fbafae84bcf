// Turns of look-ups, each on a thread of its own, and what becomes of their results.
#include "proxy/resolver.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/log.h"
#include "core/net/lone_work.h"

namespace edge {
namespace {

constexpr Milliseconds kFirstPause{1'000};
constexpr std::uint64_t kBetweenWarnings = 600'000;  // milliseconds
// Most look-ups end within milliseconds; one that has not is waiting for the network.
constexpr Milliseconds kFirstLooks{2};
constexpr Milliseconds kLaterLooks{50};
constexpr Milliseconds kSoon{100};

using Found = Result<std::vector<Address>>;

Found no_answer(Milliseconds within) {
  return fail(ErrorKind::timed_out, Side::upstream,
              fmt::format("no name server answered within {} ms", within.count()));
}

}  // namespace

struct ResolvedName::Wanted {
  std::string host;
  ResolvedName* by;  // null: it was destroyed, or told that nothing came
};

struct Resolver::Turns {
  /// A look-up under way, which is asked from time to time whether it has ended.
  class Turn final : public Deadline {
   public:
    Turn(Turns& turns, std::shared_ptr<ResolvedName::Wanted> wanted, Result<LoneWork<Found>> work)
        : turns_(turns), wanted_(std::move(wanted)), work_(std::move(work)), begun_(turns.loop.now()) {
      turns_.loop.arm(*this, kFirstLooks);
    }

   private:
    void on_deadline() override {
      if (!work_) return turns_.end(*this, *wanted_, std::unexpected(work_.error()));
      if (std::optional<Found> found = work_->take()) return turns_.end(*this, *wanted_, std::move(*found));
      const Milliseconds taken{turns_.loop.now() - begun_};
      turns_.loop.arm(*this, taken < kSoon ? kFirstLooks : kLaterLooks);
      if (taken < turns_.patience) return;
      if (ResolvedName* const by = std::exchange(wanted_->by, nullptr)) by->take(no_answer(turns_.patience));
    }

    Turns& turns_;
    const std::shared_ptr<ResolvedName::Wanted> wanted_;
    Result<LoneWork<Found>> work_;  // or why there is no thread for it
    const std::uint64_t begun_;
  };

  Turns(Loop& main, NameLookup from, Milliseconds most) : loop(main), lookup(std::move(from)), patience(most) {}

  void begin_next() {
    while (under_way.size() < kMostAtOnce && !waiting.empty()) {
      std::shared_ptr<ResolvedName::Wanted> next = std::move(waiting.front());
      waiting.pop_front();
      const auto call = [from = lookup, host = next->host] { return from(host); };
      under_way.push_back(std::make_unique<Turn>(*this, std::move(next), LoneWork<Found>::start(call)));
    }
  }

  /// The name may be destroyed in it, and with the last one all turns.
  void end(Turn& turn, ResolvedName::Wanted& wanted, Found found) {
    const auto is_it = [&turn](const std::unique_ptr<Turn>& each) { return each.get() == &turn; };
    const auto at = std::ranges::find_if(under_way, is_it);
    const std::unique_ptr<Turn> ended = std::move(*at);
    under_way.erase(at);
    begin_next();
    if (wanted.by) wanted.by->take(std::move(found));
  }

  Loop& loop;
  const NameLookup lookup;
  const Milliseconds patience;
  std::deque<std::shared_ptr<ResolvedName::Wanted>> waiting;  // one of each name
  std::vector<std::unique_ptr<Turn>> under_way;
};

Resolver::Resolver(Loop& main, NameLookup lookup, Milliseconds patience)
    : turns_(std::make_shared<Turns>(main, std::move(lookup), patience)) {}

ResolvedName::ResolvedName(Resolver& resolver, std::string upstream, std::string host, Milliseconds every,
                           std::move_only_function<void()> looked_up)
    : turns_(resolver.turns_),
      upstream_(std::move(upstream)),
      host_(std::move(host)),
      every_(every),
      looked_up_(std::move(looked_up)) {
  look_up_again();
}

ResolvedName::~ResolvedName() {
  if (!wanted_) return;
  wanted_->by = nullptr;
  std::erase(turns_->waiting, wanted_);
}

void ResolvedName::look_up_again() {
  wanted_ = std::make_shared<Wanted>(host_, this);
  turns_->waiting.push_back(wanted_);
  turns_->begin_next();
}

void ResolvedName::take(Result<std::vector<Address>> found) {
  wanted_.reset();
  if (found) put_in_order(*found);
  if (found && !found->empty()) {
    take_good(std::move(*found));
  } else {
    take_failure(found ? "it has no address" : found.error().context);
  }
  is_looked_up_ = true;
  turns_->loop.arm(*this, error_.empty() ? every_ : pause_);
  looked_up_();
}

void ResolvedName::take_good(std::vector<Address> found) {
  const bool is_news = !error_.empty() || (is_looked_up_ && found != addresses_);
  addresses_ = std::move(found);
  error_.clear();
  pause_ = Milliseconds(0);
  warned_at_ = 0;
  if (is_news) log::info("[{}] {} has the addresses {}", upstream_, host_, address_texts());
}

void ResolvedName::take_failure(std::string reason) {
  error_ = std::move(reason);
  pause_ = std::clamp(2 * pause_, std::min(kFirstPause, every_), every_);
  const std::uint64_t now = turns_->loop.now();
  if (warned_at_ != 0 && now < warned_at_ + kBetweenWarnings) return;
  warned_at_ = std::max<std::uint64_t>(now, 1);
  if (addresses_.empty()) {
    log::warn("[{}] {} cannot be looked up: {}; it gets no requests until it can", upstream_, host_, error_);
  } else {
    log::warn("[{}] {} cannot be looked up: {}; requests go on to its last known addresses {}", upstream_, host_,
              error_, address_texts());
  }
}

std::string ResolvedName::address_texts() const {
  constexpr std::size_t kShown = 8;
  std::string texts;
  char text[46];
  for (std::size_t i = 0; i < std::min(addresses_.size(), kShown); ++i) {
    if (i > 0) texts += ", ";
    texts += addresses_[i].ip_text(text);
  }
  if (addresses_.size() > kShown) texts += fmt::format(" and {} more", addresses_.size() - kShown);
  return texts;
}

}  // namespace edge
