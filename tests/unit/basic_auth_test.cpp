// BasicAuth and PasswordChecks: challenges, right and wrong passwords, what is remembered, and floods.
#include "core/access/basic_auth.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/captured_log.h"
#include "support/fake_request.h"

using namespace edge;
using edge::test::CapturedLog;
using edge::test::FakeRequest;
using edge::test::run;

namespace {

// "secret", and another of "other".
const std::string kAda = "ada:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";
const std::string kBob = "bob:$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2\n";
constexpr const char* kAdaSecret = "Basic YWRhOnNlY3JldA==";
constexpr const char* kAdaWrong = "Basic YWRhOnNlY3JldHM=";
constexpr const char* kEveSecret = "Basic ZXZlOnNlY3JldA==";

std::shared_ptr<UsersFile> users_of(const std::string& text) {
  const auto file = std::make_shared<UsersFile>("users");
  REQUIRE(file->take(text));
  return file;
}

struct Fixture {
  explicit Fixture(std::string_view realm = "staff", std::size_t at_once = 2, std::size_t waiting = 64)
      : checks(std::make_shared<PasswordChecks>(at_once, waiting)), auth(realm, users, checks) {}

  /// The status of the answer, 0 when the request may pass.
  int ask(std::string_view authorization) {
    FakeRequest fake(loop, "GET", "/", {{"Authorization", authorization}});
    const std::optional<Response> refusal = run(loop, auth.authorize(fake.request));
    user = fake.request.user;
    return refusal ? refusal->status : 0;
  }

  Loop loop;
  std::shared_ptr<UsersFile> users = users_of(kAda + kBob);
  std::shared_ptr<PasswordChecks> checks;
  BasicAuth auth;
  std::string user;
};

}  // namespace

TEST_CASE("basic auth: without name and password there is a challenge, also for OPTIONS and HEAD") {
  Fixture fixture("the \"staff\" \\ only");
  for (const char* method : {"GET", "HEAD", "OPTIONS", "POST"}) {
    FakeRequest fake(fixture.loop, method, "/");
    const std::optional<Response> refusal = run(fixture.loop, fixture.auth.authorize(fake.request));
    REQUIRE(refusal);
    CHECK(refusal->status == 401);
    CHECK(refusal->headers.find("WWW-Authenticate")->value ==
          R"(Basic realm="the \"staff\" \\ only", charset="UTF-8")");
  }
}

TEST_CASE("basic auth: who knows the password passes by that name") {
  Fixture fixture;
  FakeRequest fake(fixture.loop, "GET", "/", {{"Authorization", kAdaSecret}});
  CHECK_FALSE(run(fixture.loop, fixture.auth.authorize(fake.request)));
  CHECK(fake.request.user == "ada");
  CHECK(fake.request.auth_type == "Basic");
}

TEST_CASE("basic auth: a wrong password, an unknown name and a password that is too long are one and the same") {
  const CapturedLog log;
  Fixture fixture;
  const std::string long_password = "Basic YWRhOnNl" + std::string(4000, 'Y');
  for (const std::string_view claim :
       {std::string_view(kAdaWrong), std::string_view(kEveSecret), std::string_view(long_password),
        std::string_view("Basic YWRhOg=="), std::string_view("Basic YWRhOnNlY3JldABqdW5r")}) {  // "secret", NUL, "junk"
    CHECK(fixture.ask(claim) == 401);
    CHECK(fixture.user.empty());
  }
}

TEST_CASE("basic auth: where there is nobody, nobody passes") {
  Fixture fixture;
  REQUIRE(fixture.users->take(""));
  CHECK(fixture.ask(kAdaSecret) == 401);
}

TEST_CASE("basic auth: who has left the file, or has another password now, does not pass any more") {
  Fixture fixture;
  CHECK(fixture.ask(kAdaSecret) == 0);
  REQUIRE(fixture.users->take("ada:" + kBob.substr(4)));
  CHECK(fixture.ask(kAdaSecret) == 0);  // the same password, hashed in another way
  REQUIRE(fixture.users->take(kBob));
  CHECK(fixture.ask(kAdaSecret) == 401);
}

TEST_CASE("basic auth: a right password is looked at once, a wrong one each time") {
  Fixture fixture("staff", 1, 0);
  CHECK(fixture.ask(kAdaSecret) == 0);
  FakeRequest busy(fixture.loop, "GET", "/", {{"Authorization", kAdaWrong}});
  Task<std::optional<Response>> looking = fixture.auth.authorize(busy.request);
  REQUIRE_FALSE(looking.done());
  FakeRequest known(fixture.loop, "GET", "/", {{"Authorization", kAdaSecret}});
  const Task<std::optional<Response>> remembered = fixture.auth.authorize(known.request);
  CHECK(remembered.done());  // although nobody may look at a password now
  CHECK(known.request.user == "ada");
  CHECK(run(fixture.loop, std::move(looking))->status == 401);
}

TEST_CASE("basic auth: a flood is refused, and asked to come again") {
  CapturedLog log;
  Fixture fixture("staff", 1, 1);
  std::vector<std::unique_ptr<FakeRequest>> flood;
  std::vector<Task<std::optional<Response>>> tasks;
  for (int i = 0; i < 4; ++i) {
    flood.push_back(
        std::make_unique<FakeRequest>(fixture.loop, "GET", "/", FakeRequest::Headers{{"Authorization", kAdaWrong}}));
    tasks.push_back(fixture.auth.authorize(flood.back()->request));
  }
  for (int i = 2; i < 4; ++i) {
    REQUIRE(tasks[static_cast<std::size_t>(i)].done());
    const std::optional<Response> refusal = tasks[static_cast<std::size_t>(i)].take();
    CHECK(refusal->status == 503);
    CHECK(refusal->headers.get(HeaderName::retry_after) == "2");
  }
  CHECK(log.contains("too many passwords wait"));
  CHECK(run(fixture.loop, std::move(tasks[0]))->status == 401);
  CHECK(run(fixture.loop, std::move(tasks[1]))->status == 401);
  CHECK(fixture.ask(kAdaSecret) == 0);
}

TEST_CASE("basic auth: several requests of one client cost one look") {
  Fixture fixture("staff", 1, 10);
  std::vector<std::unique_ptr<FakeRequest>> requests;
  std::vector<Task<std::optional<Response>>> tasks;
  for (int i = 0; i < 5; ++i) {
    requests.push_back(
        std::make_unique<FakeRequest>(fixture.loop, "GET", "/", FakeRequest::Headers{{"Authorization", kAdaSecret}}));
    tasks.push_back(fixture.auth.authorize(requests.back()->request));
  }
  for (auto& task : tasks) CHECK_FALSE(run(fixture.loop, std::move(task)));
}

TEST_CASE("basic auth: a client that leaves while it waits is let go") {
  Fixture fixture("staff", 1, 1);
  FakeRequest first(fixture.loop, "GET", "/", {{"Authorization", kAdaWrong}});
  FakeRequest second(fixture.loop, "GET", "/", {{"Authorization", kAdaWrong}});
  Task<std::optional<Response>> looking = fixture.auth.authorize(first.request);
  Task<std::optional<Response>> waiting = fixture.auth.authorize(second.request);
  second.request.cancellation.request();
  REQUIRE(waiting.done());
  CHECK(waiting.take()->status == 499);
  CHECK(run(fixture.loop, std::move(looking))->status == 401);
}
