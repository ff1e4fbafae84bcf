// FakeRequest: a request made by hand, for driving handlers, filters and templates without a socket. Header only.
//
//   Loop loop;
//   FakeRequest fake(loop, "GET", "/static/a.css?v=1", {{"If-None-Match", "\"x\""}});
//   Response response = run(loop, handler.handle(fake.request));
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/path.h"
#include "core/http/request.h"
#include "core/net/loop.h"
#include "core/task.h"

namespace edge::test {

/// A body given beforehand: pieces, then an error or the end.
class FakeBody final : public RequestBody {
 public:
  std::vector<std::string> pieces;
  bool chunked = false;         // true: no declared length
  std::optional<Error> broken;  // what comes after the pieces

  bool empty() const override { return pieces.empty() && !chunked && !broken; }
  std::optional<std::uint64_t> length() const override {
    if (chunked) return std::nullopt;
    std::uint64_t total = 0;
    for (const std::string& piece : pieces) total += piece.size();
    return total;
  }
  Task<Result<std::string_view>> read() override {
    if (next_ < pieces.size()) co_return std::string_view(pieces[next_++]);
    if (broken) co_return std::unexpected(*broken);
    co_return std::string_view();
  }

 private:
  std::size_t next_ = 0;
};

/// Owns everything a Request refers to but its loop. Method, target and headers are copied; the target must parse.
struct FakeRequest {
  using Headers = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit FakeRequest(Loop& loop, std::string_view method = "GET", std::string_view target = "/", Headers headers = {})
      : request(loop, arena, body) {
    connection.remote = Address{{127, 0, 0, 1}, 50'000, Address::Family::ipv4};
    connection.local = Address{{127, 0, 0, 1}, 80, Address::Family::ipv4};
    connection.number = 1;
    connection.requests = 1;
    request.connection = &connection;
    request.begun = loop.now();
    request.method_name = arena.copy(method);
    request.method = method_of(method);
    request.host = "example.com";
    set_target(target);
    for (const auto& [name, value] : headers) add_header(name, value);
  }

  void set_target(std::string_view target) {
    request.target = arena.copy(target);
    const Result<Target> parsed = parse_target(request.target, arena);
    if (!parsed) throw std::invalid_argument("FakeRequest: " + std::string(target));
    request.path = parsed->path;
    request.query = parsed->query;
    request.has_query = parsed->has_query;
  }
  void add_header(std::string_view name, std::string_view value) {
    request.headers.add(arena.copy(name), arena.copy(value));
  }

  Arena arena;
  ConnectionInfo connection;
  FakeBody body;
  Request request;
};

/// Runs the loop until `task` has ended, and returns what it made. Not inside a loop that runs already.
template <class T>
T run(Loop& loop, Task<T> task) {
  if (!task.done()) {
    task.on_done({[](void* running) { static_cast<Loop*>(running)->stop(); }, &loop});
    loop.run();
  }
  return task.take();
}

}  // namespace edge::test
