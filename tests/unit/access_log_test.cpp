// Access log: formats against hostile requests, and when the buffer goes to the file.
#include "core/access_log.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/time_text.h"
#include "support/fake_request.h"
#include "support/file_content.h"
#include "support/temporary_directory.h"

using namespace edge;
using edge::test::FakeRequest;
using edge::test::file_content;
using edge::test::TemporaryDirectory;

namespace {

std::string line_of(std::string_view format, const FakeRequest& fake) {
  const auto compiled = AccessFormat::compile(format);
  REQUIRE(compiled);
  std::string line;
  compiled->render(fake.request, line);
  return line;
}

/// A log in a folder of its own, written from a loop that runs only when told to.
struct Fixture {
  TemporaryDirectory folder;
  std::unique_ptr<LogFile> file = std::move(*LogFile::open(folder / "access.log"));
  AccessFormat format = *AccessFormat::compile("$request_method $uri");
  Loop loop;
  AccessLog log{loop, *file, format};

  std::string content() {
    REQUIRE(file->flush());
    return file_content(folder / "access.log");
  }
};

}  // namespace

TEST_CASE("combined is nginx's") {
  Loop loop;
  FakeRequest fake(
      loop, "GET", "/a?b=\"c\"",
      {{"Authorization", "Basic YWRhOnNlY3JldA=="}, {"Referer", "http://x/"}, {"User-Agent", "curl \"8\""}});
  fake.request.sent = {200, 1024, 1300, nullptr};
  const std::string time(time_local(loop.unix_seconds()));
  CHECK(line_of("combined", fake) == "127.0.0.1 - ada [" + time +
                                         "] \"GET /a?b=\\x22c\\x22 HTTP/1.1\" 200 1024 \"http://x/\" "
                                         "\"curl \\x228\\x22\"\n");
}

TEST_CASE("what is missing is a dash, and a line stays a line") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", {{"User-Agent", "a\r\nb"}});
  const std::string line = line_of("combined", fake);
  CHECK(line.find("127.0.0.1 - - [") == 0);
  CHECK(line.ends_with("\"GET / HTTP/1.1\" 000 0 \"-\" \"a\\x0D\\x0Ab\"\n"));
  fake.request.method_name = "";
  CHECK(line_of("combined", fake).find("] \"-\" 000") != std::string::npos);
}

TEST_CASE("json is valid for any byte") {
  Loop loop;
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every.push_back(static_cast<char>(byte));
  FakeRequest fake(loop, "GET", "/caf\xc3\xa9", {{"User-Agent", every}, {"Referer", "\"\\\xff"}});
  fake.request.sent = {404, 10, 200, nullptr};
  const std::string line = line_of("json", fake);
  CHECK(line.find('\n') == line.size() - 1);
  const auto object = nlohmann::json::parse(line, nullptr, false);
  REQUIRE(object.is_object());
  CHECK(object["time"] == std::string(time_iso8601(loop.unix_seconds())));
  CHECK(object["request_id"] == std::string(fake.request.id()));
  CHECK(object["remote_addr"] == "127.0.0.1");
  CHECK(object["method"] == "GET");
  CHECK(object["host"] == "example.com");
  CHECK(object["uri"] == "/caf\xc3\xa9");
  CHECK(object["protocol"] == "HTTP/1.1");
  CHECK(object["status"] == 404);
  CHECK(object["bytes"] == 10);
  CHECK(object["request_time"] == 0.0);
  CHECK(object["referer"] == "\"\\\xc3\xbf");
  CHECK_FALSE(object.contains("upstream"));
}

TEST_CASE("json names who made the answer, where that was not edge") {
  Loop loop;
  FakeRequest fake(loop);
  fake.request.upstream = {"blog", 200, 1'007, 12};
  const auto object = nlohmann::json::parse(line_of("json", fake), nullptr, false);
  REQUIRE(object.is_object());
  CHECK(object["upstream"] == "blog");
  CHECK(object["upstream_status"] == 200);
  CHECK(object["upstream_response_time"] == doctest::Approx(1.007));
  CHECK(object["upstream_queue_time"] == doctest::Approx(0.012));
}

TEST_CASE("a pattern with an unknown variable does not compile") {
  const auto compiled = AccessFormat::compile("$remote_adr x");
  REQUIRE_FALSE(compiled);
  CHECK(compiled.error().message == "unknown variable $remote_adr; did you mean $remote_addr?");
}

TEST_CASE("lines wait in the buffer until they are flushed") {
  Fixture fixture;
  const FakeRequest fake(fixture.loop, "GET", "/a");
  fixture.log.write(fake.request);
  fixture.log.write(fake.request);
  CHECK(fixture.content().empty());
  fixture.log.flush();
  CHECK(fixture.content() == "GET /a\nGET /a\n");
  fixture.log.flush();
  CHECK(fixture.content() == "GET /a\nGET /a\n");
}

TEST_CASE("a full buffer goes to the file at once") {
  Fixture fixture;
  const FakeRequest fake(fixture.loop, "GET", "/" + std::string(1'000, 'a'));
  for (int i = 0; i < 70; ++i) fixture.log.write(fake.request);
  CHECK(fixture.content().size() >= 64 * 1024);
  CHECK(fixture.content().size() < 70 * 1006);
}

TEST_CASE("what is buffered goes to the file within about a second of the loop") {
  Fixture fixture;
  const FakeRequest fake(fixture.loop, "GET", "/a");
  fixture.log.write(fake.request);
  struct Later final : Deadline {
    explicit Later(Loop& on) : loop(on) {}
    void on_deadline() override { loop.stop(); }
    Loop& loop;
  } later(fixture.loop);
  fixture.loop.post([&] { fixture.loop.arm(later, Milliseconds(1'500)); });
  fixture.loop.run();
  CHECK(fixture.content() == "GET /a\n");
}

TEST_CASE("the end of a log flushes it") {
  Fixture fixture;
  const FakeRequest fake(fixture.loop, "GET", "/a");
  {
    AccessLog(fixture.loop, *fixture.file, fixture.format).write(fake.request);
  }
  CHECK(fixture.content() == "GET /a\n");
}
