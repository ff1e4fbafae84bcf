// The successor's side of an upgrade.
#include "cmd/predecessor.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/log.h"

namespace edge {
namespace {

/// An open descriptor that no program gets which is started from here.
UniqueFd adopted(int number) {
  return UniqueFd(::fcntl(number, F_SETFD, FD_CLOEXEC) == 0 ? number : -1);
}

void write_line(int to, std::string_view text) {
  const std::string line = std::string(text) + '\n';
  // A predecessor that has gone needs to know nothing more.
  [[maybe_unused]] const ssize_t written = ::write(to, line.data(), line.size());
}

}  // namespace

Predecessor Predecessor::from_environment() {
  Predecessor found;
  const char* const text = std::getenv(Handover::kVariable);
  std::optional<Handover> handover = text ? Handover::parse(text) : std::nullopt;
  ::unsetenv(Handover::kVariable);
  if (!handover) return found;
  found.handover_ = std::move(*handover);
  int next = InheritedSockets::kFirst + found.handover_.activated;
  found.channel_ = adopted(next++);
  for (const Handover::Part& part : found.handover_.parts) {
    std::vector<UniqueFd>& given = found.given_.emplace_back();
    for (std::size_t i = 0; i < part.count; ++i) {
      if (UniqueFd one = adopted(next++)) given.push_back(std::move(one));
    }
  }
  return found;
}

std::vector<UniqueFd> Predecessor::take(const std::string& key) {
  const auto at = std::ranges::find(handover_.parts, key, &Handover::Part::key);
  if (at == handover_.parts.end()) return {};
  const auto index = static_cast<std::size_t>(at - handover_.parts.begin());
  taken_.push_back(index);
  return std::exchange(given_[index], {});
}

void Predecessor::tell_errors() const {
  if (channel_) log::copy_errors_to(channel_.get());
}

void Predecessor::failed(std::string_view why) const {
  if (channel_) write_line(channel_.get(), why);
}

void Predecessor::ready() {
  if (!channel_) return;
  log::copy_errors_to(-1);
  write_line(channel_.get(), Handover::ready_line(taken_));
  channel_.reset();
  handover_.parts.clear();
  given_.clear();
  taken_.clear();
}

}  // namespace edge
