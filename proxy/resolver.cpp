// Turns of look-ups on the thread pool, and what becomes of their results.
#include "proxy/resolver.h"

#include <algorithm>
#include <utility>

#include "core/detached.h"
#include "core/log.h"

namespace edge {
namespace {

constexpr Milliseconds kFirstPause{1'000};
constexpr std::uint64_t kBetweenWarnings = 600'000;  // milliseconds

}  // namespace

struct ResolvedName::Wanted {
  std::string host;
  ResolvedName* by;  // null: it was destroyed
};

struct Resolver::Turns {
  Turns(Loop& main, NameLookup from) : loop(main), lookup(std::move(from)) {}

  static void begin_next(const std::shared_ptr<Turns>& turns) {
    while (turns->under_way < kMostAtOnce && !turns->waiting.empty()) {
      const std::shared_ptr<ResolvedName::Wanted> next = std::move(turns->waiting.front());
      turns->waiting.pop_front();
      if (next->by) detach(look_up(turns, next));
    }
  }

  static Task<void> look_up(std::shared_ptr<Turns> turns, std::shared_ptr<ResolvedName::Wanted> wanted) {
    ++turns->under_way;
    const auto work = [lookup = turns->lookup, host = wanted->host] { return lookup(host); };
    Result<std::vector<Address>> found = co_await turns->loop.offload(work);
    --turns->under_way;
    if (wanted->by) wanted->by->take(std::move(found));
    begin_next(turns);
  }

  Loop& loop;
  NameLookup lookup;
  std::deque<std::shared_ptr<ResolvedName::Wanted>> waiting;  // one of each name
  unsigned under_way = 0;
};

Resolver::Resolver(Loop& main, NameLookup lookup) : turns_(std::make_shared<Turns>(main, std::move(lookup))) {}

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
  Resolver::Turns::begin_next(turns_);
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
