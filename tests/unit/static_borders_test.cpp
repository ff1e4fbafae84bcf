// The static handler's borders: what must not be served, what cannot be, and a folder that is replaced meanwhile.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "core/log.h"
#include "support/captured_log.h"
#include "support/static_site.h"

using edge::Milliseconds;
using edge::OpenStep;
using edge::OpenSupport;
using edge::Response;
using edge::RoutePath;
using edge::StaticHandler;
using edge::Task;
using edge::UniqueFd;
using edge::test::Answer;
using edge::test::answer_of;
using edge::test::CapturedLog;
using edge::test::FakeRequest;
using edge::test::StaticSite;
using edge::test::supports;
using edge::test::TemporaryDirectory;

TEST_CASE("static handler: hidden files") {
  StaticSite site(supports().back());
  site.write(".env", "secret");
  site.write(".git/config", "secret");
  CHECK(site.status("/static/.env") == 404);
  CHECK(site.status("/static/.git/config") == 404);
  CHECK(site.status("/static/%2egit/config") == 404);

  StaticSite open(supports().back());
  open.files.hidden_files = true;
  open.write(".env", "shown");
  CHECK(open.ask("/static/.env").content == "shown");
}

TEST_CASE("static handler: what is outside, special or too long is not found") {
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
    site.directory.write("secret", "secret");
    std::filesystem::create_symlink("../secret", site.directory / "root/out");
    std::filesystem::create_symlink("/", site.directory / "root/all");
    std::filesystem::create_symlink("loop", site.directory / "root/loop");
    REQUIRE(mkfifo((site.directory / "root/fifo").c_str(), 0600) == 0);
    CHECK(site.status("/static/out") == 404);
    CHECK(site.status("/static/all/etc/hostname") == 404);
    CHECK(site.status("/static/loop") == 404);
    CHECK(site.status("/static/fifo") == 404);
    CHECK(site.status("/static/nothing") == 404);
    CHECK(site.status("/static/" + std::string(300, 'a')) == 404);
    CHECK(site.status("/static/" + std::string(6'000, 'a')) == 404);
  }
}

TEST_CASE("static handler: a path that was not normalised does not lead out either") {
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
    site.files.hidden_files = true;
    site.directory.write("secret", "secret");
    site.write("a/b", "b");
    FakeRequest dots(site.loop);
    for (const std::string_view path :
         {"/static/../secret", "/static/a/../../secret", "/static/..", "/static//etc/hostname"}) {
      CAPTURE(path);
      dots.request.path = path;
      CHECK(answer_of(edge::test::run(site.loop, site.handler().handle(dots.request))).status == 404);
    }
  }
}

TEST_CASE("static handler: links inside are followed with openat2") {
  if (edge::probe_open_support().blocking != OpenStep::complete) return;
  StaticSite site(edge::probe_open_support());
  site.write("v1/a.css", "one");
  std::filesystem::create_symlink("v1", site.directory / "root/current");
  CHECK(site.ask("/static/current/a.css").content == "one");

  StaticSite without(OpenSupport{});
  without.write("v1/a.css", "one");
  std::filesystem::create_symlink("v1", without.directory / "root/current");
  CHECK(without.status("/static/current/a.css") == 404);
}

TEST_CASE("static handler: a file that may not be read is forbidden") {
  const bool root = geteuid() == 0;
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
    site.write("open.css", "open");
    site.write("closed.css", "closed");
    site.handler();
    chmod(site.directory.path().c_str(), 0755);
    chmod((site.directory / "root/closed.css").c_str(), 0);
    if (root) REQUIRE(seteuid(65'534) == 0);
    const int closed = site.status("/static/closed.css");
    const int readable = site.status("/static/open.css");
    if (root) REQUIRE(seteuid(0) == 0);
    CHECK(closed == 403);
    CHECK(readable == 200);
  }
}

TEST_CASE("static handler: out of descriptors is 503 with one line a second in the log, and passes") {
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
    site.recheck_every(Milliseconds(1'000'000));
    site.write("a.css", "body{}");
    CHECK(site.status("/static/a.css") == 200);
    CapturedLog log;
    edge::log::info("begun");
    REQUIRE(log.contains("begun"));
    // UBSan looks at the dynamic type of what is new to it, and needs descriptors for that: the log's thread and the
    // error category must not be new below.
    const std::string reason = std::generic_category().message(EMFILE);
    const std::uint64_t begun = site.loop.now();
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    FakeRequest first(site.loop, "GET", "/static/a.css");
    FakeRequest second(site.loop, "GET", "/static/a.css");
    second.request.method = edge::Method::head;
    site.hot.begin_anew(1 << 20);  // what is kept needs no descriptor
    const UniqueFd next(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const rlimit few{static_cast<rlim_t>(next.get()), before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    const Answer answer = answer_of(edge::test::run(site.loop, site.handler().handle(first.request)));
    const Answer again = answer_of(edge::test::run(site.loop, site.handler().handle(second.request)));
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(answer.status == 503);
    CHECK(again.status == 503);
    const std::string lines = log.text();
    if (site.loop.now() < begun + 1'000) CHECK(std::ranges::count(lines, '\n') == 2);
    CHECK(lines.find("/static/a.css in directory " + site.files.directory + ": " + reason) != std::string::npos);
    CHECK(site.status("/static/a.css") == 200);
  }
}

TEST_CASE("static handler: a release that is switched is followed, also while requests run") {
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
    std::filesystem::remove(site.directory / "root");
    site.directory.write("one/a.css", "one");
    site.directory.write("two/a.css", "two");
    std::filesystem::create_symlink("one", site.directory / "root");
    CHECK(site.ask("/static/a.css").content == "one");

    FakeRequest begun(site.loop, "GET", "/static/a.css");
    Task<Response> task = site.handler().handle(begun.request);
    std::filesystem::create_symlink("two", site.directory / "next");
    std::filesystem::rename(site.directory / "next", site.directory / "root");
    CHECK(site.ask("/static/a.css").content == "two");
    CHECK(answer_of(edge::test::run(site.loop, std::move(task))).status == 200);

    std::filesystem::remove(site.directory / "root");
    CHECK(site.ask("/static/a.css").content == "two");
  }
}

TEST_CASE("static handler: a missing directory is an error at load") {
  const TemporaryDirectory directory;
  edge::config::StaticFiles files;
  files.directory = (directory / "missing").string();
  edge::HotFiles hot(0);
  const auto handler = StaticHandler::open(files, RoutePath{}, hot);
  REQUIRE_FALSE(handler);
  CHECK(handler.error().context.find(files.directory) != std::string::npos);
}
