// `try`: which of its files answers, and what is left to another route.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "support/static_site.h"

using namespace edge;
using namespace edge::test;

namespace {

/// A site with some files whose `try` is `files`, then `path` and `query`, or a status.
class TrySite : public StaticSite {
 public:
  TrySite(std::initializer_list<std::string_view> names, std::string_view last, std::string_view query = {},
          std::string prefix = "/", OpenSupport support = supports().back())
      : StaticSite(support, std::move(prefix)) {
    for (const std::string_view name : names) {
      files.tried.files.push_back({Template::compile(name).value(), name.ends_with('/')});
    }
    if (last.starts_with('='))
      files.tried.status = std::stoi(std::string(last.substr(1)));
    else
      files.tried.path = Template::compile(last).value();
    files.tried.query = Template::compile(query).value();
    files.tried.has_query = !query.empty();
    write("index.html", "home");
    write("a.css", "a");
    write("docs/index.html", "docs");
    write("bare/x.txt", "x");
    write(".hidden", "hidden");
    write("page.html", "page");
  }
  std::string content(std::string_view target) { return ask(target).content; }
  std::string fallback(std::string_view target) { return ask(target).fallback.value_or("none"); }
};

}  // namespace

TEST_CASE("try: the first file that is there answers, in every way of opening") {
  for (const OpenSupport& support : supports()) {
    TrySite site({"$uri", "$uri.html", "$uri/"}, "/index.html", {}, "/", support);
    CHECK(site.content("/a.css") == "a");
    CHECK(site.content("/a.css?v=1") == "a");
    CHECK(site.ask("/a.css").type == "text/css; charset=utf-8");
    CHECK(site.content("/page") == "page");
    CHECK(site.ask("/docs?a").status == 301);
    CHECK(site.ask("/docs?a").location == "/docs/?a");
    CHECK(site.content("/docs/") == "docs");
    CHECK(site.content("/") == "home");
    CHECK(site.status("/bare/") == 403);
    CHECK(site.ask("/bare").location == "/bare/");
    CHECK(site.fallback("/nothing") == "/index.html");
    CHECK(site.fallback("/nothing/") == "/index.html");
    CHECK(site.fallback("/a.css/") == "/index.html");
    CHECK(site.ask("/nothing").status == 404);
    CHECK(site.ask("/a.css", {{"If-None-Match", site.ask("/a.css").etag}}).status == 304);
    CHECK(site.ask("/a.css", {{"Range", "bytes=0-0"}}).status == 206);
  }
}

TEST_CASE("try: a name without a slash is no folder, one with a slash no file") {
  TrySite site({"$uri"}, "/x");
  CHECK(site.fallback("/docs") == "/x");
  CHECK(site.fallback("/docs/") == "/x");
  CHECK(site.fallback("/") == "/x");
  TrySite folders({"$uri/"}, "/x");
  CHECK(folders.fallback("/a.css") == "/x");
  CHECK(folders.content("/docs/") == "docs");
  TrySite fixed({"/docs/"}, "/x");
  CHECK(fixed.ask("/nothing").location == "/docs/");
  CHECK(fixed.content("/docs/") == "docs");
}

TEST_CASE("try: the last is a status, or a path with the query that it names") {
  TrySite status({"$uri"}, "=418");
  CHECK(status.status("/nothing") == 418);
  CHECK(status.fallback("/nothing") == "none");
  TrySite query({"$uri"}, "/front", "u=$uri&$args");
  CHECK(query.fallback("/no/thing?a=b%20c") == "/front?u=/no/thing&a=b%20c");
  CHECK(query.fallback("/x%0d%0aSet-Cookie:%20a=b%23%7f") == "/front?u=/x%0D%0ASet-Cookie:%20a=b%23%7F&");
  TrySite without({"$uri"}, "/front");
  CHECK(without.fallback("/nothing?a=b") == "/front");
  TrySite mark({"$uri"}, "$uri");
  CHECK(mark.fallback("/a%3Fb%25") == "/a?b%");
}

TEST_CASE("try: below a prefix that is stripped, and beside it") {
  TrySite site({"$uri", "/app$arg_file", "/a.css"}, "=404", {}, "/app/");
  CHECK(site.content("/app/page.html") == "page");
  CHECK(site.content("/app/nothing?file=/docs/index.html") == "docs");
  CHECK(site.content("/app/nothing") == "a");
}

TEST_CASE("try: what a closed folder holds is not there, what is there and closed is forbidden") {
  const bool root = geteuid() == 0;
  for (const OpenSupport& support : supports()) {
    TrySite site({"/locked$uri", "/locked$uri/", "$uri", "$uri/"}, "=410", {}, "/", support);
    site.write("locked/a.css", "locked");
    site.write("locked/docs/x.txt", "x");
    site.write("closed.css", "closed");
    site.write("shut/index.html", "shut");
    site.handler();
    chmod(site.directory.path().c_str(), 0755);
    for (const char* closed : {"root/locked", "root/closed.css", "root/shut"}) {
      chmod((site.directory / closed).c_str(), 0);
    }
    if (root) REQUIRE(seteuid(65'534) == 0);
    const std::string open = site.content("/a.css");
    const std::string folder = site.content("/docs/");
    const int nothing = site.status("/nothing");
    const int file = site.status("/closed.css");
    const int index = site.status("/shut/");
    if (root) REQUIRE(seteuid(0) == 0);
    for (const char* closed : {"root/locked", "root/shut"}) chmod((site.directory / closed).c_str(), 0755);
    CHECK(open == "a");
    CHECK(folder == "docs");
    CHECK(nothing == 410);
    CHECK(file == 403);
    CHECK(index == 403);
  }
}

TEST_CASE("try: whatever variables hold, nothing outside or hidden is found") {
  TrySite site({"/x/$arg_f", "$arg_f", "/$arg_f", "/$arg_f/"}, "=404");
  site.directory.write("secret", "secret");
  std::filesystem::create_symlink("../secret", site.directory / "root/out");
  CHECK(site.content("/?f=a.css") == "a");
  CHECK(site.content("/?f=x/../a.css") == "a");
  for (const std::string_view target :
       {"/?f=../secret", "/?f=/../secret", "/?f=a/../../secret", "/?f=.hidden", "/?f=docs/.hidden", "/?f=out", "/?f=..",
        "/?f=/etc/passwd", "/?f=//etc/passwd", "/?f=\\..\\secret"}) {
    CAPTURE(target);
    CHECK(site.status(target) == 404);
  }
  FakeRequest nul(site.loop, "GET", "/?f=x", {{"Authorization", "Basic YS5jc3MAeDpw"}});  // "a.css", NUL, "x:p"
  TrySite users({"/$remote_user"}, "/$remote_user");
  const Response response = run(users.loop, users.handler().handle(nul.request));
  CHECK(response.status == 404);
  CHECK_FALSE(response.redirect);
}

TEST_CASE("try: other methods are refused for a file that is there, and go on to the route otherwise") {
  TrySite site({"$uri"}, "/front");
  for (int asked = 0; asked < 4; ++asked) {  // from the third on it is in memory
    CHECK(site.content("/a.css") == "a");
    CHECK(site.ask("/a.css", {}, "POST").status == 405);
    CHECK(site.ask("/a.css", {}, "OPTIONS").allow == "GET, HEAD, OPTIONS");
    CHECK(site.ask("/nothing", {}, "POST").fallback == "/front");
    CHECK(site.ask("/nothing", {}, "HEAD").fallback == "/front");
  }
}
