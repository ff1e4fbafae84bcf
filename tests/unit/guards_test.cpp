// Guards: rules of the head, then authorizers, then rules of the body; whoever answers first ends it.
#include "core/http/guards.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "core/http/request_rules.h"
#include "support/captured_log.h"
#include "support/fake_request.h"

using namespace edge;
using edge::test::CapturedLog;
using edge::test::FakeRequest;
using edge::test::run;

namespace {

/// Notes that it was asked, and answers with a status, or with 0 not at all.
struct Noting final : Authorizer {
  Noting(std::string& to, char as, int with) : asked(to), name(as), status(with) {}
  Task<std::optional<Response>> authorize(Request& request) override {
    asked.push_back(name);
    if (status == 0) co_return std::nullopt;
    co_return Response::of_status(request.arena, status);
  }
  std::string& asked;
  char name;
  int status;
};

std::shared_ptr<const RequestRules> rules(const char* query, const char* body) {
  const auto of_body = std::make_shared<RequestRule>();
  of_body->body = Pattern::compile(body, false).value();
  of_body->status = 422;
  const auto of_query = std::make_shared<RequestRule>();
  of_query->query = Pattern::compile(query, false).value();
  of_query->status = 418;
  return std::make_shared<const RequestRules>(std::vector<std::shared_ptr<const RequestRule>>{of_body, of_query}, 1024);
}

struct Told {
  int status;
  std::string asked;
  bool operator==(const Told&) const = default;
};

Told ask(const char* target, int first, int second, bool with_rules = true) {
  Loop loop;
  FakeRequest fake(loop, "POST", target, {{"Content-Type", "text/plain"}});
  fake.body.pieces = {"bad"};
  Told told{0, {}};
  Guards guards;
  guards.rules = rules("bad", "bad");
  guards.authorizers.push_back(std::make_unique<Noting>(told.asked, 'a', first));
  guards.authorizers.push_back(std::make_unique<Noting>(told.asked, 'b', second));
  CHECK(guards.any());
  if (const auto refusal = run(loop, pass(guards, fake.request, with_rules))) told.status = refusal->status;
  return told;
}

}  // namespace

TEST_CASE("guards: none is no guard") {
  CHECK_FALSE(Guards().any());
}

TEST_CASE("guards: rules of the head come before authorizers, and those before rules of the body") {
  const CapturedLog log;
  CHECK(ask("/?bad", 0, 0) == Told{418, ""});
  CHECK(ask("/", 401, 0) == Told{401, "a"});
  CHECK(ask("/", 0, 403) == Told{403, "ab"});
  CHECK(ask("/", 0, 0) == Told{422, "ab"});
}

TEST_CASE("guards: who asks finds out anew who the client is, who does not leaves it as it was") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/");
  std::string asked;
  Guards guards;
  for (const std::string_view expected : {"ada", ""}) {
    fake.request.user = "ada";
    fake.request.auth_type = "Basic";
    CHECK_FALSE(run(loop, pass(guards, fake.request, false)));
    CHECK(fake.request.user == expected);
    CHECK(fake.request.auth_type.empty() == expected.empty());
    guards.authorizers.push_back(std::make_unique<Noting>(asked, 'a', 0));
  }
}

TEST_CASE("guards: where rules were asked before, only authorizers are") {
  CHECK(ask("/?bad", 0, 0, false) == Told{0, "ab"});
  CHECK(ask("/?bad", 401, 0, false) == Told{401, "a"});
}
