// The static handler, driven directly: what each path, method and precondition gets, in every way of opening.
#include "static/static_handler.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "core/http/date.h"
#include "support/static_site.h"

using edge::OpenStep;
using edge::OpenSupport;
using edge::Response;
using edge::RoutePath;
using edge::Task;
using edge::UniqueFd;
using edge::test::Answer;
using edge::test::answer_of;
using edge::test::FakeRequest;
using edge::test::StaticSite;
using edge::test::supports;

namespace {

void set_modified(const std::filesystem::path& file, std::int64_t seconds, long nanoseconds = 0) {
  const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
  REQUIRE(utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("static handler: a file with its type and validators") {
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
    site.write("css/a.css", "body{}");
    site.write("empty.txt", "");
    set_modified(site.directory / "root/css/a.css", 784'111'777, 5);
    const Answer answer = site.ask("/static/css/a.css?v=1");
    CHECK(answer.status == 200);
    CHECK(answer.type == "text/css; charset=utf-8");
    CHECK(answer.last_modified == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(answer.etag == "\"ae1b981bc490a05-6\"");
    CHECK(answer.headers == 4);
    CHECK(answer.accept_ranges == "bytes");
    CHECK(answer.content == "body{}");

    const Answer head = site.ask("/static/css/a.css", {}, "HEAD");
    CHECK(head.status == 200);
    CHECK(head.etag == answer.etag);
    CHECK(head.content.size() == answer.content.size());  // which the pump does not send

    const Answer empty = site.ask("/static/empty.txt");
    CHECK(empty.status == 200);
    CHECK(empty.content.empty());

    const std::string large(edge::FileVersion::kMostInMemory + 1, 'x');
    site.write("large.txt", large);
    for (int i = 0; i < 2; ++i) {
      const Answer kept_open = site.ask("/static/large.txt");
      CHECK(kept_open.file);
      CHECK(kept_open.content == large);
    }
  }
}

TEST_CASE("static handler: a hit in the kernel's memory is answered without suspending") {
  if (!edge::probe_open_support().cached) return;
  StaticSite site(edge::probe_open_support());
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
    StaticSite site(support);
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
  StaticSite site(supports().front());
  site.write("a.css", "body{}");
  set_modified(site.directory / "root/a.css", site.loop.unix_seconds() + 86'400);
  const auto sent = edge::parse_http_date(site.ask("/static/a.css").last_modified);
  REQUIRE(sent.has_value());
  CHECK(*sent <= site.loop.unix_seconds());
}

TEST_CASE("static handler: folders") {
  for (const OpenSupport& support : supports()) {
    StaticSite site(support);
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
  StaticSite site(supports().front(), "/");
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
    StaticSite site(supports().back(), "/docs");
    site.route.kind = kind;
    site.write("index.html", "docs");
    CHECK(site.ask("/docs").location == "/docs/");
    CHECK(site.ask("/docs/").content == "docs");
    CHECK(site.status("/docsify") == 404);
  }
}

TEST_CASE("static handler: the prefix stays when it is not to be stripped") {
  StaticSite site(supports().back());
  site.files.strip_prefix = false;
  site.write("static/a.css", "kept");
  site.write("a.css", "stripped");
  CHECK(site.ask("/static/a.css").content == "kept");
}

TEST_CASE("static handler: other methods") {
  StaticSite site(supports().back());
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
