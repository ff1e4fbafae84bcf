// `expires`: the fields of each of its forms, the statuses that it is for, and what the answer says itself.
#include "core/filters/expires.h"

#include <doctest/doctest.h>

#include <string>

#include "core/http/date.h"

using edge::apply_expires;
using edge::Arena;
using edge::Expires;
using edge::HeaderName;
using edge::Loop;
using edge::Response;

namespace {

struct Fields {
  std::string cache_control, expires;
};

Fields apply(Loop& loop, Expires expires, int status = 200, HeaderName own = HeaderName::other) {
  Arena arena;
  Response response(arena, status);
  if (own != HeaderName::other) response.headers.add(own, "own");
  apply_expires(expires, loop, response);
  return {std::string(response.headers.get(HeaderName::cache_control)),
          std::string(response.headers.get(HeaderName::expires))};
}

}  // namespace

TEST_CASE("expires: a duration is an age and a date") {
  Loop loop;
  const Fields month = apply(loop, {Expires::Kind::after, 2'592'000});
  CHECK(month.cache_control == "max-age=2592000");
  CHECK(edge::parse_http_date(month.expires) == loop.unix_seconds() + 2'592'000);
  const Fields now = apply(loop, {Expires::Kind::after, 0});
  CHECK(now.cache_control == "max-age=0");
  CHECK(edge::parse_http_date(now.expires) == loop.unix_seconds());
}

TEST_CASE("expires: words") {
  Loop loop;
  CHECK(apply(loop, {Expires::Kind::max}).cache_control == "max-age=315360000");
  CHECK(apply(loop, {Expires::Kind::max}).expires == "Thu, 31 Dec 2037 23:55:55 GMT");
  CHECK(apply(loop, {Expires::Kind::epoch}).cache_control == "no-cache");
  CHECK(apply(loop, {Expires::Kind::epoch}).expires == "Thu, 01 Jan 1970 00:00:01 GMT");
  CHECK(apply(loop, {Expires::Kind::immutable}).cache_control == "public, max-age=31536000, immutable");
  CHECK(apply(loop, {Expires::Kind::immutable}).expires.empty());
  CHECK(apply(loop, {Expires::Kind::off}).cache_control.empty());
  CHECK(apply(loop, {Expires::Kind::off}).expires.empty());
}

TEST_CASE("expires: for answers that may be kept, as nginx has it") {
  Loop loop;
  for (int status = 200; status < 600; ++status) {
    const bool kept = status == 200 || status == 201 || status == 204 || status == 206 || status == 301 ||
                      status == 302 || status == 303 || status == 304 || status == 307 || status == 308;
    CHECK(apply(loop, {Expires::Kind::epoch}, status).cache_control.empty() != kept);
  }
}

TEST_CASE("expires: what the answer says itself stays") {
  Loop loop;
  const Fields control = apply(loop, {Expires::Kind::max}, 200, HeaderName::cache_control);
  CHECK(control.cache_control == "own");
  CHECK(control.expires.empty());
  const Fields date = apply(loop, {Expires::Kind::max}, 200, HeaderName::expires);
  CHECK(date.cache_control.empty());
  CHECK(date.expires == "own");
}
