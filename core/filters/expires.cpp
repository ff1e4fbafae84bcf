// Caching fields.
#include "core/filters/expires.h"

#include <string>

#include "core/http/date.h"
#include "core/number_text.h"

namespace edge {

namespace {

bool may_be_kept(int status) {
  switch (status) {
    case 200:
    case 201:
    case 204:
    case 206:
    case 301:
    case 302:
    case 303:
    case 304:
    case 307:
    case 308:
      return true;
    default:
      return false;
  }
}

void add(std::string_view cache_control, std::string_view date, Response& response) {
  if (!date.empty()) response.headers.add(HeaderName::expires, date);
  response.headers.add(HeaderName::cache_control, cache_control);
}

void add_after(std::uint32_t seconds, Loop& loop, Response& response) {
  Arena& arena = response.headers.arena();
  char* const date = arena.allocate_chars(kHttpDateSize);
  format_http_date(loop.unix_seconds() + seconds, date);
  std::string age = "max-age=";
  append_number(seconds, age);
  add(arena.copy(age), {date, kHttpDateSize}, response);
}

}  // namespace

void apply_expires(const Expires& expires, Loop& loop, Response& response) {
  if (expires.kind == Expires::Kind::off || !may_be_kept(response.status)) return;
  if (response.headers.find(HeaderName::cache_control) || response.headers.find(HeaderName::expires)) return;
  switch (expires.kind) {
    case Expires::Kind::off:
      return;
    case Expires::Kind::after:
      return add_after(expires.seconds, loop, response);
    case Expires::Kind::max:
      return add("max-age=315360000", "Thu, 31 Dec 2037 23:55:55 GMT", response);
    case Expires::Kind::epoch:
      return add("no-cache", "Thu, 01 Jan 1970 00:00:01 GMT", response);
    case Expires::Kind::immutable:
      return add("public, max-age=31536000, immutable", {}, response);
  }
}

}  // namespace edge
