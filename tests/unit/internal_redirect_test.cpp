// Internal redirects: where X-Accel-Redirect and X-Sendfile lead, what they may not reach, and what is left of a head.
#include "core/http/internal_redirect.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "core/http/return_handler.h"
#include "core/http/router.h"
#include "support/captured_log.h"
#include "support/static_site.h"

using namespace edge;
using namespace edge::test;

namespace {

/// A site with files at /files/ (some.txt, folder/index.html, a link that leads out) and a route that is none of files.
struct FilesSite {
  FilesSite() {
    folder.write("root/some.txt", "some");
    folder.write("root/a b%20.txt", "odd");
    folder.write("root/folder/index.html", "index");
    folder.write("root/.hidden", "hidden");
    folder.write("root/only.txt", "only");
    folder.write("outside.txt", "outside");
    std::filesystem::create_symlink(folder.path() / "outside.txt", folder.path() / "root" / "link.txt");
    add(RoutePath::Kind::prefix, "/files/");
    site.routes.back().internal = true;
    site.routes.push_back({});
    site.routes.back().path.path = "/";
    site.routes.back().handler = std::make_unique<ReturnHandler>(200, Template(), "text/plain");
  }
  void add(RoutePath::Kind kind, const std::string& path, bool list = false) {
    Route route;
    route.path.kind = kind;
    route.path.path = path;
    config::StaticFiles files;
    files.directory = (folder.path() / "root").string();
    files.list = list;
    route.handler = StaticHandler::open(files, route.path, hot).value();
    site.routes.push_back(std::move(route));
  }

  TemporaryDirectory folder;
  Loop loop;
  HotFiles hot{0};
  Site site;
};

struct Redirected {
  Redirected(FilesSite& files, InternalRedirect::To to, std::string_view text, std::string_view method = "GET",
             FakeRequest::Headers conditions = {})
      : files_(files), fake(files.loop, method, "/view?x", conditions), from(fake.arena, 200) {
    fake.request.site = &files.site;
    fake.request.upstream.address = "shop";
    from.redirect = InternalRedirect{to, fake.arena.copy(text)};
    from.headers.add(to == InternalRedirect::To::path ? "X-Accel-Redirect" : "X-Sendfile", text);
    from.body = "of the app";
  }
  Response& response() {
    if (!response_) response_.emplace(run(files_.loop, follow_redirect(fake.request, std::move(from))));
    return *response_;
  }
  int status() { return response().status; }
  std::string body() {
    if (const auto* bytes = std::get_if<std::string_view>(&response().body)) return std::string(*bytes);
    const auto* range = std::get_if<FileRange>(&response().body);
    return range ? content_of(*range) : std::string();
  }
  std::string_view header(std::string_view name) {
    const HeaderField* field = response().headers.find(name);
    return field ? field->value : std::string_view("none");
  }

 private:
  FilesSite& files_;

 public:
  FakeRequest fake;
  Response from;

 private:
  std::optional<Response> response_;
};

constexpr auto kPath = InternalRedirect::To::path;
constexpr auto kFile = InternalRedirect::To::file;

}  // namespace

TEST_CASE("a path leads to a file, and the request is as before") {
  FilesSite files;
  for (const std::string_view path : {"/files/some.txt", "/files/some.txt?a=b", "/files/%73ome.txt",
                                      "/files/folder/../some.txt", "//files/./some.txt"}) {
    CAPTURE(path);
    Redirected redirected(files, kPath, path, "POST");
    CHECK(redirected.status() == 200);
    CHECK(redirected.body() == "some");
    CHECK(redirected.header("X-Accel-Redirect") == "none");
    CHECK(redirected.header("Content-Type") == "text/plain; charset=utf-8");
    CHECK(redirected.fake.request.path == "/view");
    CHECK(redirected.fake.request.method == Method::post);
    CHECK(redirected.fake.request.route == nullptr);
  }
  CHECK(Redirected(files, kPath, "/files/a b%2520.txt").body() == "odd");
  CHECK(Redirected(files, kPath, "/files/folder/").body() == "index");
}

TEST_CASE("a file of the machine is sent by the route that would serve it") {
  FilesSite files;
  const std::string root = (files.folder.path() / "root").string();
  CHECK(Redirected(files, kFile, root + "/some.txt").body() == "some");
  CHECK(Redirected(files, kFile, root + "/a b%20.txt").body() == "odd");
  CHECK(Redirected(files, kFile, root + "//folder/.././some.txt").body() == "some");
  Redirected redirected(files, kFile, root + "/some.txt");
  CHECK(redirected.header("X-Sendfile") == "none");
}

TEST_CASE("an exact route declares its file, not its folder") {
  FilesSite files;
  CapturedLog log;
  files.site.routes.clear();
  files.add(RoutePath::Kind::exact, "/only.txt");
  const std::string root = (files.folder.path() / "root").string();
  CHECK(Redirected(files, kFile, root + "/only.txt").body() == "only");
  CHECK(Redirected(files, kFile, root + "/some.txt").status() == 502);
}

TEST_CASE("what no route of files serves is a 502, and the log says what to do") {
  FilesSite files;
  CapturedLog log;
  const std::string root = (files.folder.path() / "root").string();
  const std::string outside = (files.folder.path() / "outside.txt").string();
  const auto refused = [&](InternalRedirect::To to, std::string_view text, std::string_view why) {
    CAPTURE(text);
    Redirected redirected(files, to, text);
    CHECK(redirected.status() == 502);
    CHECK(redirected.body().find(text.empty() ? "of the app" : text) == std::string::npos);
    CHECK(log.contains(why));
  };
  refused(kPath, "/other", "the route of that path does not serve files");
  refused(kPath, "@named", "a path must begin with \"/\"");
  refused(kPath, "", "a path must begin with \"/\"");
  refused(kPath, "http://example.com/files/some.txt", "a path must begin with \"/\"");
  refused(kPath, "/files/%zz", "a broken escape");
  refused(kPath, "/files/%00", "an encoded NUL");
  refused(kPath, "/files/../../x", "a path above the root");
  refused(kPath, "/files/%2e%2e/%2e%2e/x", "a path above the root");
  refused(kPath, "/files/folder", "that is a folder");
  refused(kFile, outside, "declare its directory");
  refused(kFile, "/etc/passwd", "declare its directory");
  refused(kFile, root + "/../outside.txt", "declare its directory");
  refused(kFile, root + "/.hidden", "declare its directory");
  refused(kFile, root + "-beside/x", "declare its directory");
  refused(kFile, "some.txt", "a file's path must begin with \"/\"");
  refused(kFile, "/../../..", "a path above the root");
  refused(kFile, root + "/folder", "that is a folder");
  CHECK(log.contains("[shop] request "));
  files.site.routes.pop_back();
  refused(kPath, "/other", "no route of this site has that path");
}

TEST_CASE("the listing of a folder is no file, and its index file is one") {
  FilesSite files;
  files.add(RoutePath::Kind::prefix, "/listed/");
  files.add(RoutePath::Kind::prefix, "/shown/", true);
  files.folder.write("root/bare/x.txt", "x");
  CapturedLog log;
  CHECK(Redirected(files, kPath, "/shown/folder/").body() == "index");
  CHECK(Redirected(files, kPath, "/listed/bare/").status() == 403);
  CHECK(Redirected(files, kPath, "/shown/bare/").status() == 502);
  CHECK(log.contains("X-Accel-Redirect /shown/bare/: that is a folder"));
}

TEST_CASE("what the route does not find is its 404, and a line in the log") {
  FilesSite files;
  CapturedLog log;
  const std::string root = (files.folder.path() / "root").string();
  CHECK(Redirected(files, kPath, "/files/missing").status() == 404);
  CHECK(Redirected(files, kPath, "/files/link.txt").status() == 404);
  CHECK(Redirected(files, kPath, "/files/.hidden").status() == 404);
  CHECK(Redirected(files, kFile, root + "/link.txt").status() == 404);
  CHECK(log.contains("X-Accel-Redirect /files/missing: the files' route answers 404"));
  Redirected missing(files, kPath, "/files/missing");
  missing.from.headers.add("Content-Type", "application/pdf");
  missing.from.headers.add("Cache-Control", "max-age=99");
  CHECK(missing.header("Content-Type").starts_with("text/html"));
  CHECK(missing.header("Cache-Control") == "none");
}

TEST_CASE("of the app's head stays what it knows better than the file") {
  FilesSite files;
  Redirected redirected(files, kPath, "/files/some.txt");
  for (const auto& [name, value] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"Content-Type", "application/pdf"},
           {"content-disposition", "attachment"},
           {"Cache-Control", "private"},
           {"Expires", "0"},
           {"Accept-Ranges", "none"},
           {"Set-Cookie", "a=1"},
           {"Set-Cookie", "b=2"},
           {"Content-Length", "10"},
           {"Content-Range", "bytes 0-9/10"},
           {"ETag", "\"app\""},
           {"Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"},
           {"X-Other", "1"}}) {
    redirected.from.headers.add(name, value);
  }
  CHECK(redirected.body() == "some");
  CHECK(redirected.header("Content-Type") == "application/pdf");
  CHECK(redirected.header("Content-Disposition") == "attachment");
  CHECK(redirected.header("Cache-Control") == "private");
  CHECK(redirected.header("Expires") == "0");
  CHECK(redirected.header("Accept-Ranges") == "none");
  std::string cookies;
  for (const HeaderField& field : redirected.response().headers) {
    if (field.id == HeaderName::set_cookie) cookies += field.value;
  }
  CHECK(cookies == "a=1b=2");
  CHECK(redirected.header("Content-Length") == "none");
  CHECK(redirected.header("Content-Range") == "none");
  CHECK(redirected.header("X-Other") == "none");
  CHECK(redirected.header("ETag") != "\"app\"");
  CHECK_FALSE(redirected.header("Last-Modified").starts_with("Thu, 01 Jan 1970"));
}

TEST_CASE("a type beside an encoding gives way to the file's own") {
  FilesSite files;
  Redirected redirected(files, kPath, "/files/some.txt");
  redirected.from.headers.add("Content-Type", "text/csv");
  redirected.from.headers.add("Content-Encoding", "gzip");
  CHECK(redirected.header("Content-Type") == "text/plain; charset=utf-8");
  CHECK(redirected.header("Content-Encoding") == "none");
}

TEST_CASE("conditions are those of the file") {
  FilesSite files;
  const std::string tag(Redirected(files, kPath, "/files/some.txt").header("ETag"));
  Redirected unchanged(files, kPath, "/files/some.txt", "GET", {{"If-None-Match", tag}});
  unchanged.from.headers.add("Content-Type", "application/pdf");
  unchanged.from.headers.add("Cache-Control", "private");
  CHECK(unchanged.status() == 304);
  CHECK(unchanged.header("Cache-Control") == "private");
  CHECK(unchanged.header("Content-Type") == "none");
  CHECK(Redirected(files, kPath, "/files/some.txt", "GET", {{"If-Match", "\"other\""}}).status() == 412);
  CHECK(Redirected(files, kPath, "/files/some.txt", "HEAD").header("ETag") == tag);
}

TEST_CASE("ranges are those of the file, whose parts only its own answer can tell apart") {
  FilesSite files;
  CapturedLog log;
  Redirected one(files, kPath, "/files/some.txt", "GET", {{"Range", "bytes=1-2"}});
  one.from.headers.add("Content-Type", "application/pdf");
  CHECK(one.status() == 206);
  CHECK(one.body() == "om");
  CHECK(one.header("Content-Type") == "application/pdf");
  CHECK(one.header("Content-Range") == "bytes 1-2/4");
  Redirected several(files, kPath, "/files/some.txt", "GET", {{"Range", "bytes=0-0,2-2"}});
  several.from.headers.add("Content-Type", "application/pdf");
  CHECK(several.status() == 206);
  CHECK(several.header("Content-Type").starts_with("multipart/byteranges; boundary="));
  CHECK(Redirected(files, kPath, "/files/some.txt", "GET", {{"Range", "bytes=9-"}}).status() == 416);
  edge::log::warn("ended");
  CHECK_FALSE(log.contains("answers 416"));
}

TEST_CASE("no condition turns a refusal of the app, or an answer to a POST, into something else") {
  FilesSite files;
  const std::string tag(Redirected(files, kPath, "/files/some.txt").header("ETag"));
  for (const FakeRequest::Headers& conditions :
       std::initializer_list<FakeRequest::Headers>{{{"If-None-Match", tag}},
                                                   {{"If-Match", "\"other\""}},
                                                   {{"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}},
                                                   {{"If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}},
                                                   {{"Range", "bytes=1-1"}},
                                                   {{"Range", "bytes=9-"}, {"If-Range", tag}}}) {
    Redirected missing(files, kPath, "/files/some.txt", "GET", conditions);
    missing.from.status = 404;
    CHECK(missing.status() == 404);
    CHECK(missing.body() == "some");
    CHECK(missing.fake.request.headers.size() == conditions.size());
    Redirected posted(files, kPath, "/files/some.txt", "POST", conditions);
    CHECK(posted.status() == 200);
    CHECK(posted.body() == "some");
  }
}

TEST_CASE("the app's status is kept, but for those that a route of files finds itself") {
  FilesSite files;
  for (const int status : {200, 206}) {
    Redirected redirected(files, kPath, "/files/some.txt");
    redirected.from.status = status;
    CHECK(redirected.status() == 200);
  }
  Redirected denied(files, kPath, "/files/some.txt");
  denied.from.status = 403;
  denied.from.reason = "Not for you";
  CHECK(denied.status() == 403);
  CHECK(denied.response().reason == "Not for you");
  CHECK(denied.body() == "some");
  CHECK(denied.header("ETag") == "none");
  for (const int status : {204, 304}) {
    Redirected without(files, kPath, "/other");
    without.from.status = status;
    without.from.headers.add("X-Other", "1");
    CHECK(without.status() == status);
    CHECK(without.header("X-Other") == "1");
    CHECK(without.header("X-Accel-Redirect") == "none");
  }
}
