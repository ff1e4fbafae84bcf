// A table of fixed size: the hash says the group, the time who leaves it.
#include "core/access/verified_credentials.h"

#include <strings.h>

#include <algorithm>
#include <string>

namespace edge {

KeyedHash::Digest VerifiedCredentials::digest(const UserTable& users, const BasicCredentials& claimed) const {
  // A name holds no colon, so what stands before the second is certain.
  std::string text = std::to_string(users.number());
  text.append(":").append(claimed.name).append(":").append(claimed.password);
  const KeyedHash::Digest digest = hash_(text);
  explicit_bzero(text.data(), text.size());
  return digest;
}

bool VerifiedCredentials::holds(const KeyedHash::Digest& digest, std::uint64_t now) const {
  const std::lock_guard lock(mutex_);
  const auto& group = entries_[digest.first % kGroups];
  return std::ranges::any_of(group, [&](const Entry& entry) { return entry.until > now && entry.digest == digest; });
}

void VerifiedCredentials::add(const KeyedHash::Digest& digest, std::uint64_t now) {
  const std::lock_guard lock(mutex_);
  auto& group = entries_[digest.first % kGroups];
  const auto known = std::ranges::find(group, digest, &Entry::digest);
  Entry& entry = known == group.end() ? *std::ranges::min_element(group, {}, &Entry::until) : *known;
  entry = {digest, now + kBelieved};
}

}  // namespace edge
