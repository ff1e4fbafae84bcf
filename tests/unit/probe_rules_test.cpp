// The rules that come with edge: what each denies, and what ordinary sites ask for, which none may deny.
#include "core/http/probe_rules.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "support/captured_log.h"
#include "support/fake_request.h"

using namespace edge;
using edge::test::CapturedLog;
using edge::test::FakeRequest;

namespace {

/// The name of the first rule that denies the target; "" when none does.
std::string denied_by(const std::string& target, bool has_php = false) {
  Loop loop;
  for (const auto& rule : probe_rules(has_php)) {
    FakeRequest fake(loop, "GET", target);
    if (RequestRules({rule}, 1024).judge_head(fake.request)) return rule->name;
  }
  return {};
}

}  // namespace

TEST_CASE("probes: names that begin with a dot") {
  const CapturedLog log;
  for (const char* target : {"/.git/config", "/.env", "/app/.env.local", "/.aws/credentials", "/.DS_Store",
                             "/%2egit/HEAD", "/a/.htaccess?x", "/.well-known/.git", "/.well-knownx/a", "/..a"}) {
    CAPTURE(target);
    CHECK(denied_by(target) == "probes/dotfile");
  }
}

TEST_CASE("probes: traversal, however it is written") {
  const CapturedLog log;
  for (const char* target : {"/a/../b",
                             "/a/..%2fb",
                             "/a/%2e%2e/b",
                             "/a/.%2e/b",
                             "/a/..%5cb",
                             "/a/..;/b",
                             "/a%252f..%252f..%252fetc/passwd",
                             "/a/%252e%252e/b",
                             "/a/%c0%ae%c0%ae/b",
                             "/a/....//b",
                             "/?f=../../etc/passwd",
                             "/?f=..%2f..%2fetc",
                             "/?f=%2e%2e%2f",
                             "/?f=%252e%252e%252fetc",
                             "/?f=a/../../b",
                             "/?f=..\\..\\win.ini",
                             "/?../x",
                             "/?f=/etc/..",
                             "/?f=%c0%ae%c0%ae/x",
                             "/?f=....//....//etc",
                             "/?f=file:../x",
                             "/?a=1&f=%u002e%u002e/x"}) {
    CAPTURE(target);
    const std::string name = denied_by(target);
    CHECK((name == "probes/traversal" || name == "probes/dotfile"));
  }
  CHECK(denied_by("/?f=../../etc/passwd") == "probes/traversal");
  CHECK(denied_by("/a%252f..%252fb") == "probes/traversal");
}

TEST_CASE("probes: NUL bytes and queries beyond two KiB") {
  const CapturedLog log;
  CHECK(denied_by("/?f=a.png%00.php") == "probes/nul");
  CHECK(denied_by("/?f=a%2500b") == "probes/nul");
  CHECK(denied_by("/a%2500b") == "probes/nul");
  CHECK(denied_by("/?" + std::string(2049, 'q')) == "probes/overlong-query");
  CHECK(denied_by("/?" + std::string(2048, 'q')).empty());
}

TEST_CASE("probes: PHP is asked for only where there is some") {
  const CapturedLog log;
  for (const char* target : {"/wp-login.php", "/blog/xmlrpc.php", "/wp-admin/", "/wp-includes/wlwmanifest.xml",
                             "/WP-LOGIN.PHP", "/phpmyadmin/index.php", "/phpMyAdmin/", "/pma/", "/phpinfo.php",
                             "/adminer-4.8.1.php", "/vendor/phpunit/src/Util/PHP/eval-stdin.php", "/%77p-login.php"}) {
    CAPTURE(target);
    CHECK(denied_by(target) == "probes/php");
    CHECK(denied_by(target, true).empty());
  }
  CHECK(denied_by("/.env", true) == "probes/dotfile");
}

TEST_CASE("probes: what ordinary sites ask for passes") {
  for (const char* target : {"/",
                             "/.well-known/acme-challenge/token",
                             "/.well-known/security.txt",
                             "/.well-known",
                             "/a.b/c.d.e",
                             "/static/app.min.js",
                             "/wp-login",
                             "/blog/wordpress-admin/",
                             "/php/manual",
                             "/index.php",
                             "/a...b",
                             "/wait.../x",
                             "/?q=hello+world...",
                             "/?q=a..b",
                             "/?range=1..5",
                             "/?version=1.2.3",
                             "/?next=/a/b/?c=d",
                             "/?q=100%25",
                             "/?q=%E2%82%AC",
                             "/?q=.../maybe",
                             "/?path=./a",
                             "/%E2%82%AC/a%20b",
                             "/?date=2026-01-01T00:00:00Z",
                             "/?q=C%2B%2B"}) {
    CAPTURE(target);
    CHECK(denied_by(target).empty());
  }
}
