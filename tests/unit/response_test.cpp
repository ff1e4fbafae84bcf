// Response: edge's own pages, and what an error becomes.
#include "core/http/response.h"

#include <doctest/doctest.h>

#include <string>

using namespace edge;

namespace {
std::string_view bytes_of(const Response& response) {
  const auto* bytes = std::get_if<std::string_view>(&response.body);
  return bytes ? *bytes : std::string_view();
}
}  // namespace

TEST_CASE("a page names its status and nothing about the server") {
  Arena arena;
  const Response response = Response::of_status(arena, 404);
  CHECK(response.status == 404);
  CHECK(response.headers.get(HeaderName::content_type).starts_with("text/html"));
  CHECK(bytes_of(response).find("404") != std::string_view::npos);
  CHECK(bytes_of(response).find("Not Found") != std::string_view::npos);
  CHECK(bytes_of(response).find("edge") == std::string_view::npos);
  CHECK_FALSE(response.close);
}

TEST_CASE("an unregistered status still has a page") {
  Arena arena;
  CHECK(bytes_of(Response::of_status(arena, 599)).find("599 Unknown") != std::string_view::npos);
  CHECK(reason_phrase(599) == "Unknown");
  CHECK(reason_phrase(-1) == "Unknown");
}

TEST_CASE("a status without content has no body and no type") {
  Arena arena;
  for (const int status : {101, 204, 205, 304, 499}) {
    CAPTURE(status);
    const Response response = Response::of_status(arena, status);
    CHECK(std::holds_alternative<std::monostate>(response.body));
    CHECK(response.headers.size() == 0);
  }
}

TEST_CASE("an error becomes its status, and closes where the connection cannot go on") {
  Arena arena;
  const Response malformed = Response::of_error(arena, Error{ErrorKind::malformed, Side::client, false, "bare LF"});
  CHECK(malformed.status == 400);
  CHECK(malformed.close);
  CHECK(bytes_of(malformed).find("bare LF") == std::string_view::npos);
  const Response missing = Response::of_error(arena, Error{ErrorKind::not_found, Side::client, false, ""});
  CHECK(missing.status == 404);
  CHECK_FALSE(missing.close);
  CHECK(Response::of_error(arena, Error{ErrorKind::timed_out, Side::app, false, ""}).status == 504);
}
