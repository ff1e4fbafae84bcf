// UserTable: names and password hashes, as an htpasswd file lists them. Immutable, so any thread may ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace edge {

class UserTable {
 public:
  struct Problem {
    int line;             // from 1
    std::string message;  // what is wrong, and what to do; never holds a hash or password
  };
  static constexpr std::size_t kMostBytes = 1 << 20;
  static constexpr std::size_t kLongestName = 255;

  /// `text`: a line a user, `name:hash`, perhaps with `:` and a remark behind it; blank lines and lines that begin with
  /// # do not count. There may be nobody. At most kMostProblems are told.
  static std::expected<std::shared_ptr<const UserTable>, std::vector<Problem>> parse(std::string_view text);
  static constexpr std::size_t kMostProblems = 20;

  /// Null: there is no such user.
  const std::string* hash_of(std::string_view name) const;
  /// A hash of somebody, always the same for the same `choice`, for names that nobody has: to look at it takes as long
  /// as for a name that somebody has. Null when there is nobody.
  const std::string* decoy(std::uint64_t choice) const;
  std::size_t size() const { return users_.size(); }
  /// No two tables of a process have the same: what was found by one says nothing of another.
  std::uint64_t number() const { return number_; }
  bool same_users(const UserTable& other) const { return users_ == other.users_; }

 private:
  struct User {
    std::string name;
    std::string hash;
    int line;  // where it stands
    bool operator==(const User& other) const { return name == other.name && hash == other.hash; }
  };
  explicit UserTable(std::vector<User> users);

  std::vector<User> users_;  // by name
  std::uint64_t number_;
};

}  // namespace edge
