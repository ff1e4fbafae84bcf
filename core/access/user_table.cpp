// Reading htpasswd lines.
#include "core/access/user_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <tuple>
#include <utility>

#include "core/access/password_hash.h"

namespace edge {

namespace {

std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

std::string_view without_end_blanks(std::string_view line) {
  const std::size_t last = line.find_last_not_of(" \t\r");
  return line.substr(0, last == line.npos ? 0 : last + 1);
}

struct Line {
  std::string_view name;
  std::string_view hash;
};

/// Nothing when it is no line of a user; then `why` tells.
std::optional<Line> split(std::string_view line, std::string& why) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos || colon == 0) {
    why = "expected a line such as NAME:HASH, as `htpasswd -B FILE NAME` writes it";
    return std::nullopt;
  }
  if (colon > UserTable::kLongestName) {
    why = fmt::format("the name is longer than {} bytes", UserTable::kLongestName);
    return std::nullopt;
  }
  if (line.find('\0') != line.npos) {
    why = "the line holds a NUL byte; is this a text file?";
    return std::nullopt;
  }
  const std::string_view rest = line.substr(colon + 1);
  const Line result{line.substr(0, colon), rest.substr(0, rest.find(':'))};
  if (std::optional<std::string> refused = refused_hash(result.hash)) {
    why = std::move(*refused);
    return std::nullopt;
  }
  return result;
}

}  // namespace

UserTable::UserTable(std::vector<User> users) : users_(std::move(users)), number_(next_number()) {}

std::expected<std::shared_ptr<const UserTable>, std::vector<UserTable::Problem>> UserTable::parse(
    std::string_view text) {
  std::vector<Problem> problems;
  if (text.size() > kMostBytes) {
    problems.push_back({1, fmt::format("the file is larger than {} bytes", kMostBytes)});
    return std::unexpected(std::move(problems));
  }
  std::vector<User> users;
  int number = 0;
  while (!text.empty() && problems.size() < kMostProblems) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = without_end_blanks(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    std::string why;
    if (const std::optional<Line> user = split(line, why)) {
      users.push_back({std::string(user->name), std::string(user->hash), number});
    } else {
      problems.push_back({number, std::move(why)});
    }
  }
  std::ranges::sort(users, {}, [](const User& user) { return std::tie(user.name, user.line); });
  for (std::size_t i = 1; i < users.size() && problems.size() < kMostProblems; ++i) {
    if (users[i].name != users[i - 1].name) continue;
    problems.push_back({users[i].line, fmt::format("this user stands in line {} already; remove one of the lines",
                                                   users[i - 1].line)});
  }
  if (problems.empty()) return std::shared_ptr<const UserTable>(new UserTable(std::move(users)));
  std::ranges::sort(problems, {}, &Problem::line);
  return std::unexpected(std::move(problems));
}

const std::string* UserTable::hash_of(std::string_view name) const {
  const auto by_name = [](const User& user) { return std::string_view(user.name); };
  const auto at = std::ranges::lower_bound(users_, name, {}, by_name);
  return at == users_.end() || at->name != name ? nullptr : &at->hash;
}

const std::string* UserTable::decoy(std::uint64_t choice) const {
  return users_.empty() ? nullptr : &users_[choice % users_.size()].hash;
}

}  // namespace edge
