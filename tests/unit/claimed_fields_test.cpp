// Fields that an app believes: what a client claims in them, or does to them, is taken off.
#include "core/http/claimed_fields.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <utility>

#include "core/arena.h"

using namespace edge;

namespace {

std::string left_of(std::initializer_list<std::pair<std::string_view, std::string_view>> sent, std::string_view name) {
  Arena arena;
  HeaderList headers(arena);
  for (const auto& [key, value] : sent) headers.add(key, value);
  forget_claims(headers, name);
  std::string text;
  for (const HeaderField& field : headers) text.append(field.name).append("=").append(field.value).append(";");
  return text;
}

}  // namespace

TEST_CASE("claimed fields: every spelling that a CGI environment makes one name of") {
  CHECK(
      left_of({{"X-User", "a"}, {"x-user", "b"}, {"X_User", "c"}, {"X-USER", "d"}, {"x_user", "e"}}, "X-User").empty());
  CHECK(left_of({{"X-Group_Names", "a"}, {"X_Group-Names", "b"}}, "x-group-names").empty());
  CHECK(left_of({{"Authorization", "a"}, {"authorization", "b"}, {"Cookie", "c"}}, "authorization") == "Cookie=c;");
}

TEST_CASE("claimed fields: others stay as they are") {
  CHECK(left_of({{"X-Users", "a"}, {"X-Use", "b"}, {"XUser", "c"}, {"Y-User", "d"}}, "X-User") ==
        "X-Users=a;X-Use=b;XUser=c;Y-User=d;");
  CHECK(left_of({{"Connection", "keep-alive,  close"}, {"X-Y", "X-User"}}, "X-User") ==
        "Connection=keep-alive, close;X-Y=X-User;");
}

TEST_CASE("claimed fields: Connection cannot have them taken off on the way to a server") {
  CHECK(left_of({{"Connection", "close, x-user"}}, "X-User") == "Connection=close;");
  CHECK(left_of({{"Connection", "X-User"}, {"Connection", "a,X_User,b,c"}}, "X-User") ==
        "Connection=;Connection=a, b, c;");
}
