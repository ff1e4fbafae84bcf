// UserTable and UsersFile: lines of htpasswd, mistakes by line, and what stays when a new text is bad.
#include "core/access/user_table.h"

#include <doctest/doctest.h>

#include <string>

#include "core/access/users_file.h"

using namespace edge;

namespace {

const std::string kHash = "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA";
const std::string kOther = "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2";

/// "LINE: message" of each mistake, or "" when there is none.
std::string mistakes(std::string_view text) {
  const auto users = UserTable::parse(text);
  std::string all;
  if (users) return all;
  for (const auto& problem : users.error()) all += std::to_string(problem.line) + ": " + problem.message + "\n";
  return all;
}

}  // namespace

TEST_CASE("users: names, remarks, blank lines and carriage returns") {
  const auto users = UserTable::parse("# those who may\n\nbob:" + kOther + ":Bob from next door\r\nada:" + kHash +
                                      " \n  \n\xc3\xa4:" + kHash);
  REQUIRE(users);
  CHECK((*users)->size() == 3);
  CHECK(*(*users)->hash_of("ada") == kHash);
  CHECK(*(*users)->hash_of("bob") == kOther);
  CHECK((*users)->hash_of("\xc3\xa4"));
  for (const char* nobody : {"", "Ada", "ad", "adaa", "# those who may", "zoe"}) CHECK_FALSE((*users)->hash_of(nobody));
}

TEST_CASE("users: an empty file has nobody, and no hash to compare with") {
  const auto users = UserTable::parse("# none\n");
  REQUIRE(users);
  CHECK((*users)->size() == 0);
  CHECK_FALSE((*users)->decoy(7));
}

TEST_CASE("users: who is unknown is compared with somebody, for the same number with the same") {
  const auto users = UserTable::parse("a:" + kHash + "\nb:" + kOther + "\n");
  REQUIRE(users);
  CHECK((*users)->decoy(4) == (*users)->decoy(4));
  CHECK(*(*users)->decoy(4) == kHash);
  CHECK(*(*users)->decoy(5) == kOther);
}

TEST_CASE("users: every mistake has its line, and shows no password") {
  const std::string told = mistakes("ada:" + kHash + "\nbob:hunter2!\nno colon\n:" + kHash + "\nada:" + kOther + "\n" +
                                    std::string(256, 'n') + ":" + kHash + "\n");
  CHECK(told.find("2: a password must not stand here as it is") == 0);
  CHECK(told.find("hunter2!") == std::string::npos);
  CHECK(told.find("\n3: expected a line such as NAME:HASH") != std::string::npos);
  CHECK(told.find("\n4: expected a line such as NAME:HASH") != std::string::npos);
  CHECK(told.find("\n5: this user stands in line 1 already") != std::string::npos);
  CHECK(told.find("\n6: the name is longer than 255 bytes") != std::string::npos);
  CHECK(mistakes(std::string("a\0b:", 4) + kHash).find("1: the line holds a NUL byte") == 0);
  CHECK(mistakes("a: " + kHash).find("1: ") == 0);
}

TEST_CASE("users: mistakes and bytes are bounded") {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "x\n";
  const auto users = UserTable::parse(many);
  REQUIRE_FALSE(users);
  CHECK(users.error().size() == UserTable::kMostProblems);
  CHECK(mistakes(std::string(UserTable::kMostBytes + 1, '#')).find("larger than") != std::string::npos);
  CHECK(mistakes(std::string(UserTable::kMostBytes, '#')).empty());
}

TEST_CASE("users file: a good text takes the place of the one before, a bad one does not") {
  UsersFile file("/etc/users");
  CHECK(file.users()->size() == 0);
  CHECK(file.take("ada:" + kHash).value());
  const std::uint64_t number = file.users()->number();
  CHECK_FALSE(file.take("ada:" + kHash + "\n# touched\n").value());
  CHECK(file.users()->number() == number);
  const Result<bool> bad = file.take("ada:" + kHash + "\nbob:plain-text\n");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().context.find("/etc/users:2: a password must not") == 0);
  CHECK(file.users()->number() == number);
  CHECK(file.take("ada:" + kOther).value());
  CHECK(file.users()->number() != number);
  CHECK(file.take("").value());
  CHECK(file.users()->size() == 0);
}
