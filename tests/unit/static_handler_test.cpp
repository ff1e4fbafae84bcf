// The static handler, driven directly: what each path, method and precondition gets, in every way of opening.
#include "static/static_handler.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/http/date.h"
#include "support/fake_request.h"
#include "support/temporary_directory.h"

using edge::HeaderName;
using edge::Loop;
using edge::Milliseconds;
using edge::OpenStep;
using edge::OpenSupport;
using edge::Response;
using edge::RoutePath;
using edge::StaticHandler;
using edge::Task;
using edge::UniqueFd;
using edge::test::FakeRequest;
using edge::test::TemporaryDirectory;

namespace {

/// Cached opens first, opens on the pool only, and a kernel without openat2.
std::vector<OpenSupport> supports() {
  const OpenSupport here = edge::probe_open_support();
  std::vector<OpenSupport> all{{false, OpenStep::by_segment}};
  if (here.blocking == OpenStep::complete) all.push_back({false, OpenStep::complete});
  if (here.cached) all.push_back(here);
  return all;
}

/// What the client would see, copied out of the request's memory.
struct Answer {
  int status = 0;
  std::string type, etag, last_modified, location, allow;
  std::size_t headers = 0;
  bool file = false;
  std::string content;
};

std::string content_of(const edge::FileRange& range) {
  std::string content(range.length, '\0');
  const ssize_t got = pread(range.fd.get(), content.data(), content.size(), static_cast<off_t>(range.offset));
  CHECK(got == static_cast<ssize_t>(content.size()));
  return content;
}

Answer answer_of(const Response& response) {
  const auto value = [&](HeaderName name) { return std::string(response.headers.get(name)); };
  Answer answer{response.status,
                value(HeaderName::content_type),
                value(HeaderName::etag),
                value(HeaderName::last_modified),
                value(HeaderName::location),
                value(HeaderName::allow),
                response.headers.size(),
                std::holds_alternative<edge::FileRange>(response.body),
                {}};
  if (const auto* range = std::get_if<edge::FileRange>(&response.body)) answer.content = content_of(*range);
  return answer;
}

class Site {
 public:
  explicit Site(OpenSupport support, std::string prefix = "/static/") : machine_{.support = support} {
    route.path = std::move(prefix);
    files.directory = (directory / "root").string();
    std::filesystem::create_directory(files.directory);
    machine_.recheck = Milliseconds(0);
  }
  void recheck_every(Milliseconds interval) { machine_.recheck = interval; }

  StaticHandler& handler() {
    if (!handler_) handler_ = StaticHandler::open(files, route, machine_).value();
    return *handler_;
  }
  Answer ask(std::string_view target, FakeRequest::Headers headers = {}, std::string_view method = "GET") {
    FakeRequest fake(loop, method, target, headers);
    return answer_of(edge::test::run(loop, handler().handle(fake.request)));
  }
  int status(std::string_view target) { return ask(target).status; }
  void write(std::string_view name, std::string_view content) const {
    directory.write("root/" + std::string(name), content);
  }

  TemporaryDirectory directory;
  Loop loop;
  edge::config::StaticFiles files;
  RoutePath route;

 private:
  StaticHandler::Machine machine_;
  std::unique_ptr<StaticHandler> handler_;
};

void set_modified(const std::filesystem::path& file, std::int64_t seconds, long nanoseconds = 0) {
  const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
  REQUIRE(utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("static handler: a file with its type and validators") {
  for (const OpenSupport& support : supports()) {
    Site site(support);
    site.write("css/a.css", "body{}");
    site.write("empty.txt", "");
    set_modified(site.directory / "root/css/a.css", 784'111'777, 5);
    const Answer answer = site.ask("/static/css/a.css?v=1");
    CHECK(answer.status == 200);
    CHECK(answer.type == "text/css; charset=utf-8");
    CHECK(answer.last_modified == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(answer.etag.starts_with("\"ae1b981bc490a05-6-"));
    CHECK(answer.headers == 3);
    CHECK(answer.content == "body{}");

    const Answer head = site.ask("/static/css/a.css", {}, "HEAD");
    CHECK(head.status == 200);
    CHECK(head.etag == answer.etag);
    CHECK(head.file);

    const Answer empty = site.ask("/static/empty.txt");
    CHECK(empty.status == 200);
    CHECK(empty.file);
    CHECK(empty.content.empty());
  }
}

TEST_CASE("static handler: a hit in the kernel's memory is answered without suspending") {
  if (!edge::probe_open_support().cached) return;
  Site site(edge::probe_open_support());
  site.write("a.css", "body{}");
  CHECK(site.status("/static/a.css") == 200);
  const UniqueFd root(edge::open_directory(site.files.directory.c_str(), OpenStep::complete));
  const UniqueFd probe(edge::open_beneath(root.get(), "a.css", O_RDONLY, OpenStep::cached));
  if (!probe) return;  // a file system that never answers from memory
  FakeRequest fake(site.loop, "GET", "/static/a.css");
  const Task<Response> task = site.handler().handle(fake.request);
  CHECK(task.done());
}

TEST_CASE("static handler: preconditions") {
  for (const OpenSupport& support : supports()) {
    Site site(support);
    site.write("a.css", "body{}");
    set_modified(site.directory / "root/a.css", 784'111'777);
    const Answer plain = site.ask("/static/a.css");
    for (const std::string_view method : {"GET", "HEAD"}) {
      const Answer same = site.ask("/static/a.css", {{"If-None-Match", plain.etag}}, method);
      CHECK(same.status == 304);
      CHECK(same.etag == plain.etag);
      CHECK(same.last_modified == plain.last_modified);
      CHECK(same.type.empty());
      CHECK_FALSE(same.file);
    }
    CHECK(site.ask("/static/a.css", {{"If-Modified-Since", plain.last_modified}}).status == 304);
    CHECK(site.ask("/static/a.css", {{"If-Match", "\"other\""}}).status == 412);
    CHECK(site.ask("/static/a.css", {{"If-Match", plain.etag}}).status == 200);

    site.write("a.css", "body{color:red}");
    const Answer changed = site.ask("/static/a.css", {{"If-None-Match", plain.etag}});
    CHECK(changed.status == 200);
    CHECK(changed.content == "body{color:red}");
  }
}

TEST_CASE("static handler: Last-Modified is never in the future") {
  Site site(supports().front());
  site.write("a.css", "body{}");
  set_modified(site.directory / "root/a.css", site.loop.unix_seconds() + 86'400);
  const auto sent = edge::parse_http_date(site.ask("/static/a.css").last_modified);
  REQUIRE(sent.has_value());
  CHECK(*sent <= site.loop.unix_seconds());
}

TEST_CASE("static handler: folders") {
  for (const OpenSupport& support : supports()) {
    Site site(support);
    site.files.index = {"index.html", "start.txt"};
    site.write("docs/index.html", "docs");
    site.write("text/start.txt", "text");
    site.write("bare/file", "");
    site.write("index.html", "home");
    CHECK(site.ask("/static/docs/").content == "docs");
    CHECK(site.ask("/static/docs/").type == "text/html; charset=utf-8");
    CHECK(site.ask("/static/text/").type == "text/plain; charset=utf-8");
    CHECK(site.ask("/static/").content == "home");
    CHECK(site.status("/static/bare/") == 403);
    CHECK(site.status("/static/nothing/") == 404);
    CHECK(site.status("/static/docs/index.html/") == 404);
    CHECK(site.ask("/static/docs").status == 301);
    CHECK(site.ask("/static/docs").location == "/static/docs/");
    CHECK(site.ask("/static/docs", {}, "HEAD").location == "/static/docs/");
    CHECK(site.ask("/static/docs?").location == "/static/docs/?");
    CHECK(site.ask("/static/docs?a=b/../c").location == "/static/docs/?a=b/../c");
  }
}

TEST_CASE("static handler: a redirect to a folder goes nowhere else") {
  Site site(supports().front(), "/");
  for (const char* name : {"\\evil.example", "a b\r\nX-Y: z", "100%", "\xc3\xa4;:@"}) {
    std::filesystem::create_directory(site.directory / "root" / name);
  }
  CHECK(site.ask("/%5cevil.example").location == "/%5Cevil.example/");
  CHECK(site.ask("//%5cevil.example").location == "/%5Cevil.example/");
  CHECK(site.ask("/a%20b%0d%0aX-Y:%20z").location == "/a%20b%0D%0AX-Y:%20z/");
  CHECK(site.ask("/100%25").location == "/100%25/");
  CHECK(site.ask("/\xc3\xa4;:@").location == "/%C3%A4;:@/");

  FakeRequest unnormalised(site.loop);
  std::filesystem::create_directory(site.directory / "root/host");
  unnormalised.request.path = "//host";
  CHECK(answer_of(edge::test::run(site.loop, site.handler().handle(unnormalised.request))).location == "/host/");
}

TEST_CASE("static handler: a mount and a prefix without a slash redirect to their folder") {
  for (const RoutePath::Kind kind : {RoutePath::Kind::prefix, RoutePath::Kind::mount}) {
    Site site(supports().back(), "/docs");
    site.route.kind = kind;
    site.write("index.html", "docs");
    CHECK(site.ask("/docs").location == "/docs/");
    CHECK(site.ask("/docs/").content == "docs");
    CHECK(site.status("/docsify") == 404);
  }
}

TEST_CASE("static handler: the prefix stays when it is not to be stripped") {
  Site site(supports().back());
  site.files.strip_prefix = false;
  site.write("static/a.css", "kept");
  site.write("a.css", "stripped");
  CHECK(site.ask("/static/a.css").content == "kept");
}

TEST_CASE("static handler: hidden files") {
  Site site(supports().back());
  site.write(".env", "secret");
  site.write(".git/config", "secret");
  CHECK(site.status("/static/.env") == 404);
  CHECK(site.status("/static/.git/config") == 404);
  CHECK(site.status("/static/%2egit/config") == 404);

  Site open(supports().back());
  open.files.hidden_files = true;
  open.write(".env", "shown");
  CHECK(open.ask("/static/.env").content == "shown");
}

TEST_CASE("static handler: what is outside, special or too long is not found") {
  for (const OpenSupport& support : supports()) {
    Site site(support);
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
    Site site(support);
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
  Site site(edge::probe_open_support());
  site.write("v1/a.css", "one");
  std::filesystem::create_symlink("v1", site.directory / "root/current");
  CHECK(site.ask("/static/current/a.css").content == "one");

  Site without(OpenSupport{});
  without.write("v1/a.css", "one");
  std::filesystem::create_symlink("v1", without.directory / "root/current");
  CHECK(without.status("/static/current/a.css") == 404);
}

TEST_CASE("static handler: other methods") {
  Site site(supports().back());
  site.write("a.css", "body{}");
  const Answer options = site.ask("/static/a.css", {}, "OPTIONS");
  CHECK(options.status == 204);
  CHECK(options.allow == "GET, HEAD, OPTIONS");
  for (const std::string_view method : {"POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"}) {
    CAPTURE(method);
    const Answer refused = site.ask("/static/a.css", {}, method);
    CHECK(refused.status == 405);
    CHECK(refused.allow == "GET, HEAD, OPTIONS");
    CHECK_FALSE(refused.file);
  }
}

TEST_CASE("static handler: a file that may not be read is forbidden") {
  const bool root = geteuid() == 0;
  for (const OpenSupport& support : supports()) {
    Site site(support);
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

TEST_CASE("static handler: out of descriptors is 503, and passes") {
  for (const OpenSupport& support : supports()) {
    Site site(support);
    site.recheck_every(Milliseconds(1'000'000));
    site.write("a.css", "body{}");
    CHECK(site.status("/static/a.css") == 200);
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    FakeRequest fake(site.loop, "GET", "/static/a.css");
    const UniqueFd next(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const rlimit few{static_cast<rlim_t>(next.get()), before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
    const Answer answer = answer_of(edge::test::run(site.loop, site.handler().handle(fake.request)));
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(answer.status == 503);
    CHECK(site.status("/static/a.css") == 200);
  }
}

TEST_CASE("static handler: a release that is switched is followed, also while requests run") {
  for (const OpenSupport& support : supports()) {
    Site site(support);
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
  const auto handler = StaticHandler::open(files, RoutePath{});
  REQUIRE_FALSE(handler);
  CHECK(handler.error().context.find(files.directory) != std::string::npos);
}
