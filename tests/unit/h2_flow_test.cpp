// HTTP/2: what is granted, what is sent, in which order, and how a connection ends.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <fstream>
#include <string>
#include <vector>

#include "support/door_handlers.h"
#include "support/temporary_directory.h"
#include "unit/h2_wire.h"

using namespace edge;
using namespace edge::h2_test;
using namespace edge::test;

namespace {

/// Waits until it is told to go on, then reads the body and says how long it was.
struct LateReader final : Handler {
  struct Gate {
    LateReader& reader;
    bool await_ready() const noexcept { return reader.open; }
    void await_suspend(std::coroutine_handle<> handle) { reader.waiting = handle; }
    void await_resume() const noexcept {}
  };
  Task<Response> handle(Request& request) override {
    Gate gate(*this);
    co_await gate;
    std::size_t size = 0;
    while (true) {
      const Result<std::string_view> piece = co_await request.body.read();
      if (!piece) co_return Response::of_error(request.arena, piece.error());
      if (piece->empty()) break;
      size += piece->size();
    }
    Response response(request.arena);
    response.body = request.arena.copy(std::to_string(size));
    co_return response;
  }
  void go_on() {
    open = true;
    waiting.resume();
  }
  bool open = false;
  std::coroutine_handle<> waiting;
};

/// Answers without a look at the body.
struct HastyHandler final : Handler {
  Task<Response> handle(Request& request) override { co_return Response::of_status(request.arena, 403); }
};

struct FileHandler final : Handler {
  explicit FileHandler(std::string content) : text(std::move(content)), path(folder / "file") {
    std::ofstream(path) << text;
    fd = SharedFd(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  }
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.body = FileRange{fd, 1, claimed ? claimed : text.size() - 1};
    co_return response;
  }
  TemporaryDirectory folder;
  std::string text;
  std::string path;
  SharedFd fd;
  std::size_t claimed = 0;
};

std::string numbers(std::size_t size) {
  return BytesHandler(size).bytes;
}

}  // namespace

TEST_CASE("h2: a body is granted as the handler reads it, and no further") {
  auto handler = std::make_unique<LateReader>();
  LateReader& reader = *handler;
  H2Wire h2({}, std::move(handler));
  const std::int32_t id = h2.request("POST", "/", {}, std::string(1'000'000, 'b'));
  h2.run();
  CHECK(nghttp2_session_get_stream_remote_window_size(h2.session(), id) == 0);
  CHECK(nghttp2_session_get_remote_window_size(h2.session()) == 256 * 1024 - 65'535);
  reader.go_on();
  h2.run();
  CHECK(h2.answers[id].content == "1000000");
}

TEST_CASE("h2: what a handler leaves unread is granted again to the connection") {
  H2Wire h2({}, std::make_unique<HastyHandler>());
  for (int i = 0; i < 20; ++i) {
    const H2Answer answer = h2.ask("POST", "/", {}, std::string(200'000, 'b'));
    CHECK(answer.status() == 403);
    CHECK(answer.closed_with == NGHTTP2_NO_ERROR);  // the client need not send the rest
  }
  CHECK(nghttp2_session_get_remote_window_size(h2.session()) > 128 * 1024);
}

TEST_CASE("h2: a stream that is reset gives back what it held of the connection's window") {
  auto handler = std::make_unique<PatientHandler>();
  H2Wire h2({}, std::move(handler));
  h2.run();
  for (int i = 0; i < 20; ++i) {
    const std::int32_t id = h2.request("POST", "/", {}, std::string(60'000, 'b'));
    h2.run();
    h2.reset(id);
    h2.run();
  }
  CHECK(nghttp2_session_get_remote_window_size(h2.session()) > 128 * 1024);
  CHECK(h2.goaways.empty());
}

TEST_CASE("h2: the client's windows are kept, on the stream and on the connection") {
  H2Wire stream({}, std::make_unique<BytesHandler>(100'000), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1'000}}, false);
  const std::int32_t id = stream.request("GET", "/");
  stream.run();
  CHECK(stream.answers[id].content.size() == 1'000);
  nghttp2_submit_window_update(stream.session(), NGHTTP2_FLAG_NONE, id, 500);
  stream.run();
  CHECK(stream.answers[id].content.size() == 1'500);
  H2Wire all({}, std::make_unique<BytesHandler>(50'000), {}, false);
  const std::int32_t first = all.request("GET", "/");
  const std::int32_t second = all.request("GET", "/");
  all.run();
  CHECK(all.answers[first].content.size() + all.answers[second].content.size() == 65'535);
}

TEST_CASE("h2: what is urgent goes first, whatever was asked for first") {
  H2Wire h2({}, std::make_unique<BytesHandler>(60'000), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1'000'000}}, false);
  const std::int32_t later = h2.request("GET", "/", {{"priority", "u=6"}});
  const std::int32_t first = h2.request("GET", "/", {{"priority", "u=0"}});
  h2.run();
  CHECK(h2.answers[first].content.size() >= 60'000);
  CHECK(h2.answers[later].content.size() < 10'000);
  CHECK(h2.settings.at(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES) == 1);
}

TEST_CASE("h2: PRIORITY_UPDATE changes what goes first") {
  H2Wire h2({}, std::make_unique<BytesHandler>(60'000), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1'000'000}}, false);
  h2.run();
  const std::int32_t first = h2.request("GET", "/");
  const std::int32_t second = h2.request("GET", "/");
  h2.put();
  h2.prioritise(second, "u=0");
  h2.run();
  CHECK(h2.answers[second].content.size() >= 60'000);
  CHECK(h2.answers[first].content.size() < 10'000);
}

TEST_CASE("h2: incremental answers of one urgency share the connection") {
  H2Wire h2({}, std::make_unique<BytesHandler>(200'000), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1'000'000}}, false);
  const std::int32_t first = h2.request("GET", "/", {{"priority", "i"}});
  const std::int32_t second = h2.request("GET", "/", {{"priority", "i"}});
  h2.run();
  CHECK(h2.answers[first].content.size() > 16'000);
  CHECK(h2.answers[second].content.size() > 16'000);
}

TEST_CASE("h2: files are sent, small and large, and one that became shorter is broken off") {
  for (const std::size_t size : {2'000UL, 40'000UL, 1'000'000UL}) {
    auto handler = std::make_unique<FileHandler>(numbers(size));
    const std::string expected = handler->text.substr(1);
    FileHandler& file = *handler;
    H2Wire h2({}, std::move(handler));
    const std::int32_t id = h2.request("GET", "/");
    CHECK(h2.run_until([&] { return h2.answers[id].closed_with.has_value(); }));
    CHECK(h2.answers[id].content == expected);
    CHECK(h2.answers[id].fields.at("content-length") == std::to_string(expected.size()));
    file.claimed = expected.size() + 100;
    const std::int32_t cut = h2.request("GET", "/");
    CHECK(h2.run_until([&] { return h2.answers[cut].closed_with.has_value(); }));
    CHECK(h2.answers[cut].closed_with == NGHTTP2_INTERNAL_ERROR);
  }
}

TEST_CASE("h2: draining lets answers end, takes what was under way, and then says where it stopped") {
  auto handler = std::make_unique<LateReader>();
  LateReader& reader = *handler;
  H2Wire h2({}, std::move(handler));
  const std::int32_t id = h2.request("GET", "/");
  h2.run();
  bool done = false;
  h2.wire.door().stop([&done] { done = true; });
  h2.wire.turn();
  h2.feed(h2.wire.take_bytes());
  CHECK(h2.goaways == std::vector<std::pair<std::int32_t, std::uint32_t>>{{0x7fffffff, NGHTTP2_NO_ERROR}});
  h2.run();  // the client answers the question that came with it
  REQUIRE(h2.goaways.size() == 2);
  CHECK(h2.goaways[1] == std::pair<std::int32_t, std::uint32_t>(id, NGHTTP2_NO_ERROR));
  CHECK(!h2.wire.ended());
  reader.go_on();
  h2.run();
  CHECK(h2.answers[id].content == "0");
  CHECK(h2.wire.ended());
  CHECK(!h2.wire.was_reset());
  h2.wire.leave();
  while (!done) h2.wire.turn();
}

TEST_CASE("h2: an idle connection ends when its door stops, also when its client is silent") {
  H2Wire h2;
  CHECK(h2.ask("GET", "/").status() == 200);
  h2.wire.door().stop([] {});
  h2.run();
  CHECK(h2.wire.ended());
  H2Wire silent;
  silent.wire.door().stop([] {});
  const std::string said = silent.wire.until_end();
  CHECK(!said.empty());
}

TEST_CASE("h2: after keepalive_requests the client is sent to a new connection") {
  HttpSettings http;
  http.keepalive_requests = 2;
  H2Wire h2(http);
  CHECK(h2.ask("GET", "/1").status() == 200);
  CHECK(h2.goaways.empty());
  CHECK(h2.ask("GET", "/2").status() == 200);
  CHECK(!h2.goaways.empty());
  CHECK(h2.wire.ended());
}
