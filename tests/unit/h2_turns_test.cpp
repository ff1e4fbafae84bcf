// HTTP/2: what one connection may send in a turn of the loop, however fast its sources and its client are.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "unit/h2_wire.h"

using namespace edge;
using namespace edge::h2_test;

namespace {

constexpr std::size_t kPiece = 16'000;
constexpr std::size_t kMostInTurn = 256 * 1024;  // the door's bound

/// Always has the next piece ready, and counts how much it was asked for in each turn.
struct FastSource final : BodySource {
  FastSource(Request& of, std::size_t& largest, const std::function<void()>& pulled)
      : request(of), most(largest), at_pull(pulled) {}
  Task<Result<Chunk>> pull() override {
    at_pull();
    if (std::exchange(turn, request.loop.turn()) != request.loop.turn()) in_turn = 0;
    in_turn += kPiece;
    most = std::max(most, in_turn);
    left -= kPiece;
    co_return Chunk{bytes, left == 0};
  }
  Request& request;
  std::size_t& most;
  const std::function<void()>& at_pull;
  std::size_t left = 200 * kPiece;
  std::uint64_t turn = 0;
  std::size_t in_turn = 0;
  std::string bytes = std::string(kPiece, 'x');
};

struct FastHandler final : Handler {
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.body = std::make_unique<FastSource>(request, most, pulled);
    co_return response;
  }
  std::size_t most = 0;
  std::function<void()> pulled = [] {};
};

}  // namespace

TEST_CASE("h2: a source that is always ready sends no more in a turn than others leave it time for") {
  auto handler = std::make_unique<FastHandler>();
  FastHandler& fast = *handler;
  H2Wire h2({}, std::move(handler), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30}});
  h2.wire.widen();
  nghttp2_session_set_local_window_size(h2.session(), NGHTTP2_FLAG_NONE, 0, 1 << 30);
  h2.run();
  fast.pulled = [&] { h2.feed(h2.wire.take_bytes()); };  // the client is as fast
  const std::int32_t id = h2.request("GET", "/");
  const bool whole = h2.run_until([&] { return h2.answers[id].closed_with.has_value(); });
  CHECK(whole);
  CHECK(h2.answers[id].content.size() == 200 * kPiece);
  CHECK(fast.most <= kMostInTurn + 2 * kPiece);  // one on its way, and one that waits
}
