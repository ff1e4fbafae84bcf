// HeadLines: heads that do not fit in what is left of the loop's output, or in the whole of it, arrive like any other.
#include "core/http/head_lines.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "unit/h1_wire.h"

using namespace edge;
using namespace edge::h1_test;

namespace {

/// Answers with one field of `size` bytes and the path as its content.
struct LongFieldHandler final : Handler {
  explicit LongFieldHandler(std::size_t size) : field(size, 'f') {}
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.headers.add("X-Long", field);
    response.body = request.path;
    co_return response;
  }
  std::string field;
};

std::string answer_with(std::size_t size, const std::string& path) {
  return "HTTP/1.1 200 OK\r\nServer: edge\r\nX-Long: " + std::string(size, 'f') +
         "\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n" + path;
}

/// What comes for twenty requests at once, which is what is expected.
void check_heads_of(std::size_t size) {
  Wire wire({}, std::make_unique<LongFieldHandler>(size));
  wire.widen();
  std::string requests;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    const std::string path = "/" + std::to_string(i);
    requests += "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
    expected += answer_with(size, path);
  }
  wire.leave_bytes(requests);
  CAPTURE(size);
  CHECK(wire.what_comes() == expected);
}

/// One more answer, with this status and reason.
struct ReasonHandler final : Handler {
  ReasonHandler(int with, std::string_view why) : status(with), reason(why) {}
  Task<Response> handle(Request& request) override {
    Response response(request.arena, status);
    response.reason = reason;
    co_return response;
  }
  int status;
  std::string_view reason;
};

std::string status_line(int status, std::string_view reason) {
  Wire wire({}, std::make_unique<ReasonHandler>(status, reason));
  wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = wire.received();
  return answer.substr(0, answer.find('\r'));
}

}  // namespace

TEST_CASE("heads come whole where the output of the loop is nearly full, and where none of them fits in it") {
  check_heads_of(10);
  check_heads_of(20'000);
  check_heads_of(65'400);
  check_heads_of(65'536);
  check_heads_of(100'000);
}

TEST_CASE("a reason is passed on, the usual one stands in for none, and a long one is cut") {
  CHECK(status_line(200, "") == "HTTP/1.1 200 OK");
  CHECK(status_line(200, "OK") == "HTTP/1.1 200 OK");
  CHECK(status_line(200, "Fine") == "HTTP/1.1 200 Fine");
  CHECK(status_line(404, "") == "HTTP/1.1 404 Not Found");
  CHECK(status_line(404, "Gone fishing") == "HTTP/1.1 404 Gone fishing");
  CHECK(status_line(404, std::string(200, 'r')) == "HTTP/1.1 404 " + std::string(100, 'r'));
}
