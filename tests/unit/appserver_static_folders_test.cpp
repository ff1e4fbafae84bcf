// What an app's process says of its folders of files: nothing of it is believed.
#include "appserver/static_folders.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <initializer_list>
#include <string>
#include <string_view>

using namespace edge;

namespace {

std::string message(std::initializer_list<std::string_view> texts) {
  std::string result;
  for (const std::string_view text : texts) {
    result += text;
    result += '\0';
  }
  return result;
}

}  // namespace

TEST_CASE("static folders: warnings and folders are read") {
  const auto found = parse_static_folders(
      message({"one\n\ntwo", "/static/", "/srv/static", "hashed", "files/", "/srv/files", "", "", "/srv/all", "else"}));
  REQUIRE(found);
  CHECK(found->warnings == std::vector<std::string>{"one", "two"});
  REQUIRE(found->folders.size() == 3);
  CHECK(found->folders[0].url == "/static/");
  CHECK(found->folders[0].directory == "/srv/static");
  CHECK(found->folders[0].hashed_names);
  CHECK(!found->folders[0].below_mount);
  CHECK(found->folders[1].below_mount);
  CHECK(!found->folders[1].hashed_names);
  CHECK(found->folders[2].url.empty());
  CHECK(found->folders[2].below_mount);
  CHECK(!found->folders[2].hashed_names);
}

TEST_CASE("static folders: names that only look as if they held a hash are told, for folders with hashed names") {
  const auto found =
      parse_static_folders(message({"", "/a/", "/srv/a", "hashed\nb.0123456789ab.js\na/c.0123456789ab.js", "/b/",
                                    "/srv/b", "else\nb.0123456789ab.js"}));
  REQUIRE(found);
  CHECK(found->folders[0].hashed_names);
  CHECK(found->folders[0].not_hashed == std::vector<std::string>{"a/c.0123456789ab.js", "b.0123456789ab.js"});
  CHECK(!found->folders[1].hashed_names);
  CHECK(found->folders[1].not_hashed.empty());
}

TEST_CASE("static folders: what is no such message is an error") {
  const std::string whole = message({"a warning", "/static/", "/srv/static", "hashed"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const bool only_warnings = size == std::string_view("a warning").size() + 1;
    CHECK(parse_static_folders(whole.substr(0, size)).has_value() == only_warnings);
  }
  CHECK(parse_static_folders(message({""}))->folders.empty());
}

TEST_CASE("static folders: one that no request could ask for is left out with a warning") {
  const std::string longest = "/" + std::string(1022, 'a') + "/";
  CHECK(parse_static_folders(message({"", longest, "/srv", ""}))->folders.size() == 1);
  for (const std::string& url : {std::string("/static"), std::string("static"), std::string("//static/"),
                                 std::string("a//"), std::string("/../"), std::string("../x/"), std::string("/a/./"),
                                 std::string("/a\nb/"), std::string("/\x7f/"), longest + "a/"}) {
    const auto found = parse_static_folders(message({"", url, "/srv", ""}));
    REQUIRE(found);
    CHECK_MESSAGE(found->folders.empty(), url);
    CHECK(found->warnings.size() == 1);
  }
  for (const std::string& directory : {std::string(), std::string("srv"), "/" + std::string(4096, 'a')}) {
    const auto found = parse_static_folders(message({"", "/a/", directory, ""}));
    REQUIRE(found);
    CHECK(found->folders.empty());
  }
}

TEST_CASE("static folders: the first of a URL counts, and there are not too many") {
  const auto found = parse_static_folders(message({"", "/a/", "/first", "", "/a/", "/second", ""}));
  REQUIRE(found->folders.size() == 1);
  CHECK(found->folders[0].directory == "/first");

  std::string many = message({""});
  for (std::size_t i = 0; i < kMostStaticFolders + 2; ++i) many += message({"/" + std::to_string(i) + "/", "/srv", ""});
  const auto bounded = parse_static_folders(many);
  CHECK(bounded->folders.size() == kMostStaticFolders);
  CHECK(bounded->warnings.size() == 2);
}

TEST_CASE("static folders: an account that may read less than this process is known") {
  CHECK(may_read_what_edge_may(std::nullopt));
  std::vector<gid_t> groups(static_cast<std::size_t>(getgroups(0, nullptr)));
  if (!groups.empty()) REQUIRE(getgroups(static_cast<int>(groups.size()), groups.data()) >= 0);
  Account same{.user = geteuid(), .group = getegid(), .groups = groups, .name = {}, .home = {}};
  CHECK(may_read_what_edge_may(same));
  Account other = same;
  other.user = geteuid() + 4711;
  CHECK(!may_read_what_edge_may(other));
  if (geteuid() == 0) return;  // root's groups give it nothing
  Account fewer = same;
  fewer.group = getegid() + 4711;
  fewer.groups.clear();
  CHECK(!may_read_what_edge_may(fewer));
}
