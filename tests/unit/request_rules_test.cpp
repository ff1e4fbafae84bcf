// RequestRules: every condition, what is done, in which order, and bodies that are read and not lost.
#include "core/http/request_rules.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "core/http/guards.h"
#include "support/captured_log.h"
#include "support/fake_request.h"

using namespace edge;
using edge::test::CapturedLog;
using edge::test::FakeRequest;
using edge::test::run;

namespace {

using Rule = std::shared_ptr<RequestRule>;

Pattern pattern(std::string_view source) {
  return Pattern::compile(source, false).value();
}

Rule rule(const std::string& name = "r") {
  auto made = std::make_shared<RequestRule>();
  made->name = name;
  return made;
}

Rule tagging(const std::string& tag, const std::string& query) {
  Rule made = rule(tag);
  made->action = RequestRule::Action::tag;
  made->tag = tag;
  made->query = pattern(query);
  return made;
}

RoutePath path(RoutePath::Kind kind, const std::string& text) {
  RoutePath made{kind, text, nullptr};
  if (kind == RoutePath::Kind::pattern) made.pattern = std::make_shared<const Pattern>(pattern(text));
  return made;
}

/// The status that the rules answer with, 0 when the request may pass.
int judged(FakeRequest& fake, std::vector<std::shared_ptr<const RequestRule>> rules, std::uint32_t most_body = 65536) {
  Guards guards;
  guards.rules = std::make_shared<const RequestRules>(std::move(rules), most_body);
  guards.tags = guards.rules->tags();
  const std::optional<Response> refusal = run(fake.request.loop, pass(guards, fake.request, true));
  return refusal ? refusal->status : 0;
}

struct Ask {
  std::string method = "GET";
  std::string target = "/";
};
int judged(const Ask& ask, const Rule& one, FakeRequest::Headers headers = {}) {
  Loop loop;
  FakeRequest fake(loop, ask.method, ask.target, headers);
  return judged(fake, {one});
}

std::string content(FakeRequest& fake) {
  std::string all;
  while (true) {
    const Result<std::string_view> piece = run(fake.request.loop, fake.request.body.read());
    if (!piece || piece->empty()) return all;
    all += *piece;
  }
}

int judged_body(const Rule& one, std::string_view type, const std::string& text, std::uint32_t most = 65536) {
  Loop loop;
  FakeRequest fake(loop, "POST", "/", {{"Content-Type", type}});
  for (std::size_t at = 0; at < text.size(); at += 7) fake.body.pieces.push_back(text.substr(at, 7));
  const int status = judged(fake, {one}, most);
  CHECK(content(fake) == text);
  return status;
}

const CapturedLog* quiet() {
  static const CapturedLog log;
  return &log;
}

}  // namespace

TEST_CASE("rules: methods count as they are written") {
  quiet();
  const Rule one = rule();
  one->methods = {"PUT", "DELETE"};
  CHECK(judged({"DELETE"}, one) == 403);
  CHECK(judged({"GET"}, one) == 0);
  CHECK(judged({"put"}, one) == 0);
}

TEST_CASE("rules: paths of every kind, decoded and as they were sent") {
  const Rule one = rule();
  one->path = path(RoutePath::Kind::prefix, "/admin/");
  CHECK(judged({"GET", "/admin/x"}, one) == 403);
  CHECK(judged({"GET", "/a/../%61dmin/x"}, one) == 403);
  CHECK(judged({"GET", "/x?/admin/"}, one) == 0);
  one->path = path(RoutePath::Kind::exact, "/a");
  CHECK(judged({"GET", "/a?b"}, one) == 403);
  CHECK(judged({"GET", "/a/"}, one) == 0);
  one->path = path(RoutePath::Kind::pattern, "%2[eE]");
  CHECK(judged({"GET", "/a%2Eb"}, one) == 403);
  CHECK(judged({"GET", "/a.b"}, one) == 0);
  one->path = path(RoutePath::Kind::pattern, "^/b$");
  CHECK(judged({"GET", "http://example.com/a/../b?c"}, one) == 403);
}

TEST_CASE("rules: queries as they were sent and decoded, an empty one too") {
  const Rule one = rule();
  one->query = pattern("union select");
  CHECK(judged({"GET", "/?q=union+select"}, one) == 403);
  CHECK(judged({"GET", "/?q=union%20%73elect"}, one) == 403);
  CHECK(judged({"GET", "/?q=union-select"}, one) == 0);
  one->query = pattern("%20");
  CHECK(judged({"GET", "/?q=%20"}, one) == 403);
  one->query = pattern("^$");
  CHECK(judged({"GET", "/"}, one) == 403);
  CHECK(judged({"GET", "/?a"}, one) == 0);
  one->query = pattern("%zz|%$");
  CHECK(judged({"GET", "/?%zz"}, one) == 403);
}

TEST_CASE("rules: any field of a header may match, and one that is missing is empty") {
  const Rule one = rule();
  one->headers.push_back({"User-Agent", pattern("(?i)^$|sqlmap")});
  CHECK(judged({}, one) == 403);
  CHECK(judged({}, one, {{"user-agent", "SQLMap/1"}}) == 403);
  CHECK(judged({}, one, {{"User-Agent", "Mozilla"}}) == 0);
  CHECK(judged({}, one, {{"User-Agent", "Mozilla"}, {"User-Agent", "sqlmap"}}) == 403);
}

TEST_CASE("rules: all conditions must hold, and the status is the rule's") {
  const Rule one = rule();
  one->methods = {"POST"};
  one->path = path(RoutePath::Kind::prefix, "/a");
  one->query = pattern("x");
  one->headers.push_back({"X-A", pattern("1")});
  one->status = 404;
  CHECK(judged({"POST", "/a?x"}, one, {{"X-A", "1"}}) == 404);
  CHECK(judged({"GET", "/a?x"}, one, {{"X-A", "1"}}) == 0);
  CHECK(judged({"POST", "/b?x"}, one, {{"X-A", "1"}}) == 0);
  CHECK(judged({"POST", "/a?y"}, one, {{"X-A", "1"}}) == 0);
  CHECK(judged({"POST", "/a?x"}, one) == 0);
}

TEST_CASE("rules: a text that makes a pattern run wild does not slip through") {
  const Rule one = rule();
  one->query = pattern("^(a+)+$");
  CHECK(judged({"GET", "/?" + std::string(60, 'a') + "!"}, one) == 403);
  CHECK(judged({"GET", "/?b"}, one) == 0);
}

TEST_CASE("rules: tags reach the variable and the app, and a client cannot send them") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/?ab", {{"x-edge-rule", "forged"}, {"X-Edge-Rule", "again"}});
  CHECK(judged(fake, {tagging("one", "a"), tagging("two", "b"), tagging("three", "c")}) == 0);
  CHECK(fake.request.rule_tag == "one,two");
  CHECK(fake.request.headers.find("X-Edge-Rule")->value == "one,two");
  CHECK(fake.request.headers.size() == 1);
  FakeRequest plain(loop, "GET", "/", {{"x-edge-rule", "forged"}});
  CHECK(judged(plain, {tagging("one", "a")}) == 0);
  CHECK(plain.request.rule_tag.empty());
  CHECK(plain.request.headers.size() == 0);
}

TEST_CASE("rules: what stands before a denial was done, what stands behind it is not asked") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/?a");
  const Rule denying = rule();
  denying->query = pattern("a");
  CHECK(judged(fake, {tagging("one", "a"), denying, tagging("two", "a")}) == 403);
  CHECK(fake.request.rule_tag == "one");
}

TEST_CASE("rules: a dry run only says what it would do, with the request's id") {
  CapturedLog log;
  Loop loop;
  FakeRequest fake(loop, "GET", "/?a");
  const Rule dry = rule("dry/denying");
  dry->query = pattern("a");
  dry->dry_run = true;
  const Rule dry_tag = tagging("dry/tagging", "a");
  dry_tag->dry_run = true;
  const Rule logging = rule("plain/logging");
  logging->query = pattern("a");
  logging->action = RequestRule::Action::log;
  CHECK(judged(fake, {dry, dry_tag, logging}) == 0);
  CHECK(fake.request.rule_tag.empty());
  const std::string id(fake.request.id());
  CHECK(log.contains("request " + id + ": rule dry/denying would have denied GET /?a from 127.0.0.1"));
  CHECK(log.contains("rule dry/tagging would have tagged"));
  CHECK(log.contains("rule plain/logging matched"));
}

TEST_CASE("rules: a body is matched as it came and, a form, decoded; and it is not lost") {
  const Rule one = rule();
  one->body = pattern("union select");
  CHECK(judged_body(one, "application/x-www-form-urlencoded", "q=union%20select&b=c") == 403);
  CHECK(judged_body(one, "application/x-www-form-urlencoded; charset=utf-8", "q=union+select") == 403);
  CHECK(judged_body(one, "application/json", R"({"q": "union select"})") == 403);
  CHECK(judged_body(one, "application/json", R"({"q": "union%20select"})") == 0);
  CHECK(judged_body(one, "application/problem+json", "union select") == 403);
  CHECK(judged_body(one, "TEXT/plain", "union select") == 403);
  CHECK(judged_body(one, "", "union select") == 403);
  CHECK(judged_body(one, "application/octet-stream", "union select") == 0);
  CHECK(judged_body(one, "image/png", "union select") == 0);
}

TEST_CASE("rules: only the beginning of a body is looked at, and a large one as well as a small one") {
  const Rule one = rule();
  one->body = pattern("needle");
  CHECK(judged_body(one, "text/plain", std::string(100, 'x') + "needle", 106) == 403);
  CHECK(judged_body(one, "text/plain", std::string(100, 'x') + "needle", 105) == 0);
  CHECK(judged_body(one, "text/plain", std::string(20'000, 'x') + "needle") == 403);
}

TEST_CASE("rules: a body that nobody asks for is not read") {
  Loop loop;
  FakeRequest fake(loop, "POST", "/", {{"Content-Type", "text/plain"}});
  fake.body.pieces = {"needle"};
  const Rule one = rule();
  one->body = pattern("needle");
  one->path = path(RoutePath::Kind::prefix, "/other");
  CHECK(judged(fake, {one}) == 0);
  CHECK(*run(loop, fake.body.read()) == "needle");
}

TEST_CASE("rules: a body that breaks off is answered as its error says") {
  Loop loop;
  FakeRequest fake(loop, "POST", "/", {{"Content-Type", "text/plain"}});
  fake.body.pieces = {"a"};
  fake.body.chunked = true;
  fake.body.broken = Error{ErrorKind::timed_out, Side::client, false, "too slow"};
  const Rule one = rule();
  one->body = pattern("needle");
  CHECK(judged(fake, {one}) == 408);
}
