// `follow_symlinks`: every link that there can be, in every way of opening, and what a link may never lead to.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "support/static_site.h"

using namespace edge;
using namespace edge::test;

namespace {

class LinkedSite : public StaticSite {
 public:
  LinkedSite(OpenSupport support, Links links) : StaticSite(support) {
    files.links = links;
    files.hidden_files = true;
    directory.write("secret", "secret");
    directory.write("beside/b", "b");
    write("a", "a");
    write("sub/a", "sub");
    link("a", "inside");
    link("sub", "folder");
    link("../secret", "out");
    link("../beside", "beside");
    link((directory / "secret").string(), "absolute");
    link((directory / "root/a").string(), "absolute_inside");
    link("sub/../../root/a", "out_and_in");
    link("loop", "loop");
    link("nothing", "dangling");
    link("/dev/null", "null");
    link("/proc/self/fd/0", "magic");
    link("/proc/self/cwd", "cwd");
    link("/proc/self/exe", "this_program");
  }

 private:
  void link(const std::string& to, const std::string& name) {
    std::filesystem::create_symlink(to, directory / ("root/" + name));
  }
};

}  // namespace

TEST_CASE("links: inside, those that stay below the directory are followed") {
  for (const OpenSupport& support : supports()) {
    LinkedSite site(support, Links::inside);
    const bool followed = support.blocking == OpenStep::complete;  // a kernel without openat2 follows none
    CHECK(site.status("/static/inside") == (followed ? 200 : 404));
    CHECK(site.status("/static/folder/a") == (followed ? 200 : 404));
    for (const std::string_view name : {"out", "beside/b", "absolute", "absolute_inside", "out_and_in", "loop",
                                        "dangling", "null", "magic", "cwd/"}) {
      CAPTURE(name);
      CHECK(site.status("/static/" + std::string(name)) == 404);
    }
  }
}

TEST_CASE("links: never, no link is followed, wherever it leads") {
  for (const OpenSupport& support : supports()) {
    LinkedSite site(support, Links::never);
    CHECK(site.ask("/static/a").content == "a");
    CHECK(site.ask("/static/sub/a").content == "sub");
    for (const std::string_view name :
         {"inside", "folder/a", "folder/", "out", "beside/b", "absolute", "loop", "null"}) {
      CAPTURE(name);
      CHECK(site.status("/static/" + std::string(name)) == 404);
    }
  }
}

TEST_CASE("links: always, all are followed, but to files only, and no path leads out by itself") {
  for (const OpenSupport& support : supports()) {
    LinkedSite site(support, Links::always);
    CHECK(site.ask("/static/inside").content == "a");
    CHECK(site.ask("/static/folder/a").content == "sub");
    CHECK(site.ask("/static/out").content == "secret");
    CHECK(site.ask("/static/beside/b").content == "b");
    CHECK(site.ask("/static/absolute").content == "secret");
    CHECK(site.ask("/static/out_and_in").content == "a");
    for (const std::string_view name : {"loop", "dangling", "null"}) {
      CAPTURE(name);
      CHECK(site.status("/static/" + std::string(name)) == 404);
    }
    const bool opens_magic = support.blocking == OpenStep::by_segment;
    CHECK(site.status("/static/cwd/nothing") == 404);
    CHECK(site.status("/static/this_program") == (opens_magic ? 200 : 404));
    FakeRequest unnormalised(site.loop);
    for (const std::string_view path :
         {"/static/../secret", "/static/sub/../../secret", "/static/..", "/static//etc/hostname", "/static/sub/.."}) {
      CAPTURE(path);
      unnormalised.request.path = path;
      CHECK(answer_of(run(site.loop, site.handler().handle(unnormalised.request))).status == 404);
    }
  }
}

TEST_CASE("links: what is no regular file is never served, and never waited for") {
  for (const OpenSupport& support : supports()) {
    for (const Links links : {Links::inside, Links::always, Links::never}) {
      LinkedSite site(support, links);
      REQUIRE(mkfifo((site.directory / "root/fifo").c_str(), 0600) == 0);
      const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, (site.directory / "root/socket").c_str(), sizeof address.sun_path - 1);
      REQUIRE(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
      ::close(listener);
      CHECK(site.status("/static/fifo") == 404);
      CHECK(site.status("/static/socket") == 404);
      CHECK(site.status("/static/a/") == 404);
      CHECK(site.status("/static/\xff\xfe") == 404);
      CHECK(site.status("/static/" + std::string(256, 'n')) == 404);
      site.write("\xff\xfe", "bytes");
      CHECK(site.ask("/static/%ff%FE").content == "bytes");
      site.write("back\\slash", "back");
      CHECK(site.ask("/static/back%5cslash").content == "back");
      CHECK(site.status("/static/..%5c..%5csecret") == 404);
    }
  }
}
