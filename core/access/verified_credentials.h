// VerifiedCredentials: which names and passwords were found right lately, so that not every request costs a look at a
// hash that is meant to be slow. Holds no password: only hashes under a key of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "core/access/user_table.h"
#include "core/http/basic_credentials.h"
#include "core/keyed_hash.h"

namespace edge {

/// From any thread. 96 KiB, and never more: of many the oldest is forgotten first.
class VerifiedCredentials {
 public:
  static constexpr std::uint64_t kBelieved = 5 * 60 * 1000;  // milliseconds

  /// What stands for these credentials. Another table, also one of the same file, makes another of them.
  KeyedHash::Digest digest(const UserTable& users, const BasicCredentials& claimed) const;
  /// A number for a name, the same as long as the process lives, that nobody outside of it can foretell.
  std::uint64_t number_of(std::string_view name) const { return hash_(name).first; }
  /// Whether they were found right in the last kBelieved milliseconds. `now`: Loop::now().
  bool holds(const KeyedHash::Digest& digest, std::uint64_t now) const;
  void add(const KeyedHash::Digest& digest, std::uint64_t now);

 private:
  struct Entry {
    KeyedHash::Digest digest{};
    std::uint64_t until = 0;  // milliseconds; 0: none
  };
  static constexpr std::size_t kGroups = 1024;
  static constexpr std::size_t kGroup = 4;

  const KeyedHash hash_;
  mutable std::mutex mutex_;
  std::array<std::array<Entry, kGroup>, kGroups> entries_{};  // guarded by mutex_
};

}  // namespace edge
