// Template: compiling, every variable, and what hostile values become.
#include "core/http/template.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "core/http/router.h"
#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeRequest;

namespace {

std::string render(const FakeRequest& fake, std::string_view text, Template::Escape escape = Template::Escape::none) {
  const auto compiled = Template::compile(text);
  REQUIRE(compiled);
  std::string to;
  compiled->render(fake.request, to, escape);
  return to;
}

Template::Error error_of(std::string_view text) {
  const auto compiled = Template::compile(text);
  REQUIRE_FALSE(compiled);
  return compiled.error();
}

}  // namespace

TEST_CASE("literals, names and braced names") {
  Loop loop;
  const FakeRequest fake(loop, "GET", "/p?q");
  CHECK(render(fake, "").empty());
  CHECK(render(fake, "plain {text}") == "plain {text}");
  CHECK(render(fake, "$uri") == "/p");
  CHECK(render(fake, "a${uri}b$args.c") == "a/pbq.c");
  CHECK(render(fake, "$request_method$uri$is_args$args") == "GET/p?q");
  CHECK(render(fake, "$URI") == "/p");
}

TEST_CASE("a lone dollar is a dollar") {
  Loop loop;
  const FakeRequest fake(loop, "GET", "/p");
  CHECK(render(fake, "$") == "$");
  CHECK(render(fake, "a$ $- $$ $$$uri") == "a$ $- $$ $$/p");
}

TEST_CASE("only a template without variables is constant") {
  CHECK(Template().constant());
  CHECK(Template::compile("ok $ \n")->constant());
  CHECK(Template::compile("ok $ \n")->source() == "ok $ \n");
  CHECK_FALSE(Template::compile("$uri")->constant());
}

TEST_CASE("an unknown variable is an error with its place and the nearest name") {
  CHECK(error_of("ab $hots").offset == 3);
  CHECK(error_of("ab $hots").message == "unknown variable $hots; did you mean $host?");
  CHECK(error_of("$requesturi").message == "unknown variable $requesturi; did you mean $request_uri?");
  CHECK(error_of("$banana").message == "unknown variable $banana");
  CHECK(error_of("$uri$1").offset == 4);
  CHECK(error_of("$arg_").message.starts_with("unknown variable $arg_"));
  CHECK(error_of("x${uri").offset == 1);
  CHECK(error_of("${}").offset == 0);
  CHECK(error_of("${u-ri}").message.find("expected its name") != std::string::npos);
}

TEST_CASE("variables of the request") {
  Loop loop;
  FakeRequest fake(loop, "POST", "/caf%C3%A9?a=1&B=%20x&a=2",
                   {{"Host", "Example.com"}, {"Content-Type", "text/plain"}, {"Content-Length", "12"}});
  fake.body.pieces = {"hello ", "world!"};
  fake.request.head_size = 100;
  CHECK(render(fake, "$request") == "POST /caf%C3%A9?a=1&B=%20x&a=2 HTTP/1.1");
  CHECK(render(fake, "$request_uri $uri $document_uri") == "/caf%C3%A9?a=1&B=%20x&a=2 /caf\xc3\xa9 /caf\xc3\xa9");
  CHECK(render(fake, "$args $query_string") == "a=1&B=%20x&a=2 a=1&B=%20x&a=2");
  CHECK(render(fake, "$arg_a,$arg_b,$arg_A,$arg_c,$arg_x") == "1,%20x,1,,");
  CHECK(render(fake, "$content_type $content_length") == "text/plain 12");
  CHECK(render(fake, "$scheme $https $server_protocol") == "http  HTTP/1.1");
  CHECK(render(fake, "$request_length") == "112");
  CHECK(render(fake, "$request_id") == fake.request.id());
  fake.connection.tls = true;
  fake.request.version = HttpVersion::http10;
  CHECK(render(fake, "$scheme $https $server_protocol") == "https on HTTP/1.0");
  fake.request.version = HttpVersion::http2;
  CHECK(render(fake, "$server_protocol") == "HTTP/2.0");
}

TEST_CASE("variables of the connection and the process") {
  Loop loop;
  FakeRequest fake(loop);
  fake.connection.number = 17;
  fake.connection.requests = 3;
  fake.connection.remote = *Address::parse("[2001:db8::1]:4711");
  CHECK(render(fake, "$remote_addr $remote_port $server_addr $server_port") == "2001:db8::1 4711 127.0.0.1 80");
  CHECK(render(fake, "$remote_network") == "2001:db8::/64");
  CHECK(render(fake, "$connection $connection_requests") == "17 3");
  CHECK(render(fake, "$pid") == std::to_string(getpid()));
  CHECK_FALSE(render(fake, "$hostname").empty());
  CHECK(render(fake, "$msec").find('.') != std::string::npos);
  CHECK(render(fake, "$time_local").size() == 26);
  CHECK(render(fake, "$time_iso8601").size() == 25);
  fake.connection.remote = Address{};
  CHECK(render(fake, "$remote_addr$remote_port") == "unix:");
  CHECK(render(fake, "$remote_network") == "unix:");
}

TEST_CASE("the host is the request's, else the site's first") {
  Loop loop;
  FakeRequest fake(loop);
  CHECK(render(fake, "$host,$server_name") == "example.com,");
  Site site;
  site.hosts = {"example.org", "example.net"};
  fake.request.site = &site;
  CHECK(render(fake, "$host,$server_name") == "example.com,example.org");
  fake.request.host = "";
  CHECK(render(fake, "$host") == "example.org");
}

TEST_CASE("variables of the answer and of whoever made it") {
  Loop loop;
  FakeRequest fake(loop);
  CHECK(render(fake, "$status $body_bytes_sent $bytes_sent") == "000 0 0");
  CHECK(render(fake, "$upstream_addr$upstream_status$upstream_response_time$upstream_queue_time").empty());
  CHECK(render(fake, "$sent_http_etag").empty());
  HeaderList headers(fake.arena);
  headers.add(HeaderName::etag, "\"e\"");
  headers.add("X-App-Name", "blog");
  fake.request.sent = {404, 10, 210, &headers};
  fake.request.upstream = {"blog", 502, 1'034, 7};
  CHECK(render(fake, "$status $body_bytes_sent $bytes_sent") == "404 10 210");
  CHECK(render(fake, "$upstream_addr $upstream_status $upstream_response_time $upstream_queue_time") ==
        "blog 502 1.034 0.007");
  CHECK(render(fake, "$sent_http_etag $sent_http_x_app_name") == "\"e\" blog");
  fake.request.begun = loop.now() + 5;
  CHECK(render(fake, "$request_time") == "0.000");
}

TEST_CASE("headers and cookies by name") {
  Loop loop;
  const FakeRequest fake(loop, "GET", "/",
                         {{"User-Agent", "curl"},
                          {"X-Forwarded-For", "a"},
                          {"x-forwarded-for", "b"},
                          {"X_Under", "no"},
                          {"X-Own", ""},
                          {"Cookie", "id=1; Name=with=equals;empty="},
                          {"Cookie", "id=2; last=3"}});
  CHECK(render(fake, "$http_user_agent|$http_x_forwarded_for|$http_x_under|$http_x_own") == "curl|a, b||");
  CHECK(render(fake, "$http_cookie") == "id=1; Name=with=equals;empty=; id=2; last=3");
  CHECK(render(fake, "$cookie_id|$cookie_name|$cookie_empty|$cookie_last|$cookie_i|$cookie_x") == "1|with=equals||3||");
}

TEST_CASE("the user is who Basic authorization claims, or nobody") {
  Loop loop;
  const auto user_of = [&loop](std::string_view authorization) {
    const FakeRequest fake(loop, "GET", "/", {{"Authorization", authorization}});
    return render(fake, "$remote_user");
  };
  CHECK(user_of("Basic YWRhOnNlY3JldA==") == "ada");
  CHECK(user_of("basic  YWRhOnNlY3JldA==") == "ada");
  CHECK(user_of("Basic YWRhOg==") == "ada");
  for (const char* broken : {"", "Basic", "Basic ", "Basic    ", "Basic YWRh", "Basic !!!!",
                             "Basic Og==", "Bearer YWRhOg==", "Basic YWR!hOg=="}) {
    CAPTURE(broken);
    CHECK(user_of(broken).empty());
  }
}

TEST_CASE("$remote_user is who was verified, whatever the client claims; $rule_tag what rules have put on it") {
  Loop loop;
  FakeRequest fake(loop, "GET", "/", {{"Authorization", "Basic YWRhOnNlY3JldA=="}});
  CHECK(render(fake, "$remote_user[$rule_tag]") == "ada[]");
  fake.request.user = "bob";
  fake.request.rule_tag = "one,two";
  CHECK(render(fake, "$remote_user[$rule_tag]") == "bob[one,two]");
}

TEST_CASE("escaping applies to variables, not to the template's own text") {
  Loop loop;
  const FakeRequest fake(loop, "GET", "/", {{"User-Agent", "a\"b\\\xff\x01"}});
  CHECK(render(fake, "\"$http_user_agent\"", Template::Escape::log) == "\"a\\x22b\\x5C\\xFF\\x01\"");
  CHECK(render(fake, "\"$http_user_agent\"", Template::Escape::json) == "\"a\\\"b\\\\\\u00ff\\u0001\"");
  CHECK(render(fake, "$http_user_agent") == "a\"b\\\xff\x01");
  CHECK(render(fake, "[$http_referer]", Template::Escape::log) == "[-]");
  CHECK(render(fake, "[$http_referer]", Template::Escape::json) == "[]");
  CHECK(render(fake, "[$http_referer]") == "[]");
}
