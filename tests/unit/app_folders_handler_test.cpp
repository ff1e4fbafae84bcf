// AppFoldersHandler: which folder is asked, what the app still answers, and which names never change.
#include "cmd/app_folders_handler.h"

#include <doctest/doctest.h>

#include "core/http/return_handler.h"
#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeRequest;
using edge::test::run;

namespace {

std::unique_ptr<Handler> answering(std::string_view text, int status = 200) {
  return std::make_unique<ReturnHandler>(status, *Template::compile(text), "text/plain");
}

/// The longest URL first, as the loops get them.
std::shared_ptr<const FolderList> folders(int status = 200, bool hashed_names = false) {
  FolderList list;
  list.push_back({"/static/deep/", answering("deep", status), hashed_names});
  list.push_back({"/static/", answering("files", status), hashed_names});
  return std::make_shared<const FolderList>(std::move(list));
}

std::string answer_of(Loop& loop, AppFoldersHandler& handler, std::string_view method, std::string_view path) {
  FakeRequest fake(loop, std::string(method), std::string(path));
  const Response response = run(loop, handler.handle(fake.request));
  const auto* bytes = std::get_if<std::string_view>(&response.body);
  return bytes ? std::string(*bytes) : std::string();
}

}  // namespace

TEST_CASE("app folders: the longest folder that holds a path is asked, and the app for all else") {
  Loop loop;
  HotFiles hot(0);
  const auto place = std::make_shared<FolderPlace>(loop, hot, "");
  AppFoldersHandler handler(place, answering("app"));
  CHECK(answer_of(loop, handler, "GET", "/static/a") == "app");
  place->folders = folders();
  CHECK(answer_of(loop, handler, "GET", "/static/a") == "files");
  CHECK(answer_of(loop, handler, "HEAD", "/static/deep/a") == "deep");
  for (const char* path : {"/", "/static", "/statica/b", "/other/static/a"}) {
    CHECK(answer_of(loop, handler, "GET", path) == "app");
  }
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    CHECK(answer_of(loop, handler, method, "/static/a") == "app");
  }
  place->folders = std::make_shared<const FolderList>();
  CHECK(answer_of(loop, handler, "GET", "/static/a") == "app");
}

TEST_CASE("app folders: only what is a file's answer counts") {
  Loop loop;
  HotFiles hot(0);
  const auto place = std::make_shared<FolderPlace>(loop, hot, "");
  AppFoldersHandler handler(place, answering("app"));
  for (const int status : {206, 304, 412, 416}) {
    place->folders = folders(status);
    CHECK(answer_of(loop, handler, "GET", "/static/a") == "files");
  }
  for (const int status : {301, 403, 404, 500, 503}) {
    place->folders = folders(status);
    CHECK(answer_of(loop, handler, "GET", "/static/a") == "app");
  }
}

TEST_CASE("app folders: names with a hash are immutable where the app says that they have one") {
  Loop loop;
  HotFiles hot(0);
  const auto place = std::make_shared<FolderPlace>(loop, hot, "");
  AppFoldersHandler handler(place, answering("app"));
  const auto cache_control = [&](bool hashed_names, const char* path) {
    place->folders = folders(200, hashed_names);
    FakeRequest fake(loop, "GET", path);
    const Response response = run(loop, handler.handle(fake.request));
    CHECK(response.coding_settled);
    return std::string(response.headers.get(HeaderName::cache_control));
  };
  CHECK(cache_control(true, "/static/app.55e7cbb9ba48.js") == "public, max-age=31536000, immutable");
  CHECK(cache_control(true, "/static/app.js").empty());
  CHECK(cache_control(false, "/static/app.55e7cbb9ba48.js").empty());
}

TEST_CASE("app folders: what a hash in a name is") {
  for (const char* path : {"/s/app.55e7cbb9ba48.js", "/s/app.min.55e7cbb9ba48.js", "/s/README.55e7cbb9ba48"}) {
    CHECK_MESSAGE(has_hash(path), path);
  }
  for (const char* path : {"/s/app.js", "/s/app.55e7cbb9ba4.js", "/s/app.55e7cbb9ba488.js", "/s/app.55E7CBB9BA48.js",
                           "/s/55e7cbb9ba48", "/s/55e7cbb9ba48.js", "/s.55e7cbb9ba48.js/app.js",
                           "/s/app.55e7cbb9ba48.js.map.gz", "/s/", "/", "/s/app.55e7cbb9ba4g.js"}) {
    CHECK_MESSAGE(!has_hash(path), path);
  }
}
