// Handlers that every front door is tried with: long answers, streams, and one who waits for its client to go.
#pragma once

#include <algorithm>
#include <coroutine>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/handler.h"

namespace edge::test {

/// `size` bytes in pieces, of a length that nobody knows before.
struct StreamHandler final : Handler {
  struct Source final : BodySource {
    explicit Source(std::size_t in_all) : left(in_all) {}
    Task<Result<Chunk>> pull() override {
      const std::size_t now = std::min(left, bytes.size());
      left -= now;
      co_return Chunk{std::string_view(bytes).substr(0, now), left == 0};
    }
    std::string bytes = std::string(100'000, 'x');
    std::size_t left;
  };
  explicit StreamHandler(std::size_t in_all) : size(in_all) {}
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.body = std::make_unique<Source>(size);
    co_return response;
  }
  std::size_t size;
};

/// The same bytes each time, numbered so that one that is lost or doubled shows.
struct BytesHandler final : Handler {
  explicit BytesHandler(std::size_t size) {
    while (bytes.size() < size) bytes += std::to_string(bytes.size()) + ",";
  }
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.body = std::string_view(bytes);
    co_return response;
  }
  std::string bytes;
};

/// Waits until the client has gone.
struct PatientHandler final : Handler {
  struct Gone final : Cancellation::Waiter {
    explicit Gone(Cancellation& in) : cancellation(in) {}
    bool await_ready() const noexcept { return cancellation.requested(); }
    void await_suspend(std::coroutine_handle<> handle) {
      waiting = handle;
      cancellation.enter(*this);
    }
    void await_resume() const noexcept {}
    void cancel() override { waiting.resume(); }
    Cancellation& cancellation;
    std::coroutine_handle<> waiting;
  };
  Task<Response> handle(Request& request) override {
    Gone gone(request.cancellation);
    co_await gone;
    ++cancelled;
    co_return Response::of_error(request.arena, {ErrorKind::closed, Side::client, false, "gone"});
  }
  int cancelled = 0;
};

}  // namespace edge::test
