// HTTP/2 against clients that ask for too much, send too slowly or never read: limits, floods, deadlines.
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/captured_log.h"
#include "support/door_handlers.h"
#include "unit/h2_wire.h"

using namespace edge;
using namespace edge::h2_test;
using namespace edge::test;

namespace {

bool was_told_to_calm_down(const H2Wire& h2) {
  return !h2.goaways.empty() && h2.goaways.back().second == NGHTTP2_ENHANCE_YOUR_CALM;
}

/// `count` times what `queue` has to say, in pieces, until the server ends it; whether it did.
template <class Queue>
bool floods(H2Wire& h2, int count, Queue queue) {
  h2.run();
  for (int i = 0; i < count && h2.goaways.empty(); ++i) {
    queue();
    if (i % 50 == 49) h2.run();
  }
  h2.run();
  return was_told_to_calm_down(h2);
}

std::string raw_frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, const std::string& payload) {
  return std::string(1, '\0') + static_cast<char>(payload.size() >> 8U) + static_cast<char>(payload.size()) +
         static_cast<char>(type) + static_cast<char>(flags) + std::string(1, '\0') + static_cast<char>(stream >> 16) +
         static_cast<char>(stream >> 8) + static_cast<char>(stream) + payload;
}

}  // namespace

TEST_CASE("h2: limits of the head and the body have their own statuses") {
  HttpSettings http;
  http.max_uri = 100;
  http.max_headers = 5;
  http.max_header_size = 1000;
  http.client_max_body_size = 10;
  H2Wire h2(http);
  h2.run();
  CHECK(h2.settings.at(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE) == 1000);
  CHECK(h2.ask("GET", "/" + std::string(99, 'a')).status() == 200);
  CHECK(h2.ask("GET", "/" + std::string(100, 'a')).status() == 414);
  CHECK(h2.ask("GET", "/", {{"1", "a"}, {"2", "a"}, {"3", "a"}, {"4", "a"}, {"5", "a"}}).status() == 200);
  CHECK(h2.ask("GET", "/", {{"1", "a"}, {"2", "a"}, {"3", "a"}, {"4", "a"}, {"5", "a"}, {"6", "a"}}).status() == 431);
  CHECK(h2.ask("GET", "/", {{"a", std::string(1000, 'a')}}).status() == 431);
  CHECK(h2.ask("POST", "/", {}, "0123456789").status() == 200);
  CHECK(h2.ask("POST", "/", {}, "01234567890").status() == 413);
  CHECK(h2.ask("POST", "/", {{"content-length", "11"}}, "01234567890").status() == 413);
  CHECK(h2.goaways.empty());
}

TEST_CASE("h2: what a head means is checked as over HTTP/1") {
  H2Wire h2;
  CHECK(h2.submit({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}) == 1);
  h2.run();
  CHECK(h2.answers[1].closed_with == NGHTTP2_PROTOCOL_ERROR);
  const auto status = [&h2](const H2Fields& fields) {
    const std::int32_t id = h2.submit(fields);
    h2.run();
    return h2.answers[id].status();
  };
  const std::pair<std::string, std::string> get = {":method", "GET"};
  const std::pair<std::string, std::string> http = {":scheme", "http"};
  const std::pair<std::string, std::string> root = {":path", "/"};
  CHECK(status({get, http, root, {":authority", "x"}, {"host", "x"}}) == 200);
  CHECK(status({get, http, root, {"host", "x"}}) == 200);
  CHECK(status({get, http, root, {":authority", "x"}, {"host", "y"}}) == 400);
  CHECK(status({get, http, root, {":authority", "a b"}}) == 0);
  CHECK(status({get, http, root, {"host", "x"}, {"host", "x"}}) != 200);
  CHECK(status({get, http, {":path", "/../x"}, {":authority", "x"}}) == 400);
  CHECK(status({get, http, {":path", "/%00"}, {":authority", "x"}}) == 400);
  CHECK(status({get, http, {":path", "*"}, {":authority", "x"}}) != 200);
  CHECK(status({{":method", "CONNECT"}, {":authority", "x:1"}}) == 501);
  CHECK(status({get, http, root, {":authority", "x"}, {"expect", "magic"}}) == 417);
}

TEST_CASE("h2: no more requests run at a time than were allowed, also when they are reset") {
  struct Counting final : Handler {
    explicit Counting(PatientHandler& to) : patient(to) {}
    Task<Response> handle(Request& request) override {
      ++begun;
      Response response = co_await patient.handle(request);
      co_return response;
    }
    PatientHandler& patient;
    int begun = 0;
  };
  CapturedLog log;
  PatientHandler patient;
  auto handler = std::make_unique<Counting>(patient);
  const Counting& counting = *handler;
  H2Wire h2({}, std::move(handler));
  h2.run();
  CHECK(h2.settings.at(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 128);
  const auto begun = std::chrono::steady_clock::now();
  const bool ended = floods(h2, 10'000, [&h2] {
    const std::int32_t id = h2.request("GET", "/");
    h2.put();
    h2.reset(id);
  });
  CHECK(ended);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun);
  CHECK(counting.begun <= 500 + 40 * seconds.count());
  CHECK(patient.cancelled == counting.begun);
  CHECK(log.text().find("RST_STREAM") != std::string::npos);
}

TEST_CASE("h2: a handler that goes on after its stream was reset counts as a request still") {
  struct Deaf final : Handler {
    struct Forever {
      std::vector<std::coroutine_handle<>>& waiting;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> handle) { waiting.push_back(handle); }
      void await_resume() const noexcept {}
    };
    Task<Response> handle(Request& request) override {
      Forever forever(waiting);
      co_await forever;
      co_return Response(request.arena, 204);
    }
    std::vector<std::coroutine_handle<>> waiting;
  };
  auto handler = std::make_unique<Deaf>();
  Deaf& deaf = *handler;
  H2Wire h2({}, std::move(handler));
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 128; ++i) ids.push_back(h2.request("GET", "/"));
  h2.run();
  const std::size_t begun = deaf.waiting.size();
  for (const std::int32_t id : ids) h2.reset(id);
  h2.run();
  const std::int32_t refused = h2.request("GET", "/");
  h2.run();
  CHECK(begun == 128);
  CHECK(deaf.waiting.size() == 128);
  CHECK(h2.answers[refused].closed_with == NGHTTP2_REFUSED_STREAM);
  for (const std::coroutine_handle<> handle : std::exchange(deaf.waiting, {})) handle.resume();
  h2.request("GET", "/");
  h2.run();
  REQUIRE(deaf.waiting.size() == 1);
  deaf.waiting.front().resume();
}

TEST_CASE("h2: floods of frames that ask for nothing end the connection") {
  H2Wire pings;
  CHECK(floods(pings, 10'000, [&pings] { nghttp2_submit_ping(pings.session(), NGHTTP2_FLAG_NONE, nullptr); }));
  H2Wire settings;
  const nghttp2_settings_entry push{NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
  CHECK(floods(settings, 10'000, [&] { nghttp2_submit_settings(settings.session(), NGHTTP2_FLAG_NONE, &push, 1); }));
  const auto raw_flood = [](const std::string& frame) {
    H2Wire h2;
    return floods(h2, 10'000, [&] { h2.wire.offer(frame); });
  };
  CHECK(raw_flood(raw_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\1", 4))));
  CHECK(raw_flood(raw_frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\0\1", 5))));
  CHECK(raw_flood(raw_frame(NGHTTP2_PRIORITY_UPDATE, 0, 0, std::string("\0\0\0\1u=1", 7))));
  H2Wire empty;
  const std::int32_t id = empty.request("POST", "/", {}, "", false);
  CHECK(floods(empty, 10'000, [&] { empty.wire.offer(raw_frame(NGHTTP2_DATA, 0, id, "")); }));
}

TEST_CASE("h2: requests that are reset for their faults count like those that the client resets") {
  auto handler = std::make_unique<PatientHandler>();
  H2Wire h2({}, std::move(handler));
  CHECK(floods(h2, 10'000, [&h2] {
    const std::int32_t id = h2.request("GET", "/");
    h2.put(raw_frame(NGHTTP2_WINDOW_UPDATE, 0, id, "\x7f\xff\xff\xff"));
  }));
  H2Wire heads;
  CHECK(floods(heads, 10'000, [&heads] { heads.request("GET", "/", {{"connection", "close"}}); }));
}

TEST_CASE("h2: a head that does not end ends the connection") {
  H2Wire continued;
  continued.run();
  continued.wire.offer(raw_frame(NGHTTP2_HEADERS, 0, 1, "\x82"));
  for (int i = 0; i < 100 && continued.goaways.empty(); ++i) {
    continued.wire.offer(raw_frame(NGHTTP2_CONTINUATION, 0, 1, ""));
    continued.run();
  }
  CHECK(was_told_to_calm_down(continued));
  // One byte a field, which stands for the largest that the decoder keeps.
  H2Wire bomb;
  bomb.run();
  const std::string large(4'000, 'a');
  std::string block = "\x40\x01z\x7f\xa1\x1e" + large + std::string(12'000, '\xbe');
  bomb.wire.offer(raw_frame(NGHTTP2_HEADERS, 5, 1, block));
  bomb.run();
  CHECK(was_told_to_calm_down(bomb));
}

TEST_CASE("h2: who does not finish a preface or a head is left, and so is who asks nothing") {
  HttpSettings http;
  http.header_timeout = Milliseconds(20);
  H2Wire preface(http);
  preface.wire.send("PRI * HTTP/2.0\r\n");
  while (!preface.wire.ended()) preface.wire.turn(), preface.wire.take();
  H2Wire head(http);
  head.run();
  head.wire.offer(raw_frame(NGHTTP2_HEADERS, 0, 1, "\x82"));
  CHECK(head.run_until([&head] { return !head.goaways.empty(); }));
  H2Wire trickle(http);
  trickle.run();
  trickle.wire.offer(raw_frame(NGHTTP2_HEADERS, 5, 1, "\x82\x84\x86").substr(0, 10));
  CHECK(trickle.run_until([&trickle] { return !trickle.goaways.empty(); }));
  http.keepalive_timeout = Milliseconds(20);
  H2Wire idle(http);
  CHECK(idle.ask("GET", "/").status() == 200);
  CHECK(idle.run_until([&idle] { return !idle.goaways.empty(); }));
  CHECK(idle.goaways.back() == std::pair<std::int32_t, std::uint32_t>(1, NGHTTP2_NO_ERROR));
}

TEST_CASE("h2: keepalive_timeout begins anew with each request") {
  using Clock = std::chrono::steady_clock;
  HttpSettings http;
  http.keepalive_timeout = Milliseconds(2'500);
  H2Wire h2(http);
  const Clock::time_point first = Clock::now();
  CHECK(h2.ask("GET", "/").status() == 200);
  CHECK(h2.run_until([first] { return Clock::now() - first >= Milliseconds(1'000); }));
  const Clock::time_point second = Clock::now();
  CHECK(h2.ask("GET", "/").status() == 200);
  CHECK(h2.run_until([&h2] { return !h2.goaways.empty(); }));
  CHECK(Clock::now() - second >= Milliseconds(2'490));
}

TEST_CASE("h2: a slow body is answered with 408") {
  HttpSettings http;
  http.body_timeout = Milliseconds(20);
  H2Wire h2(http);
  const std::int32_t id = h2.request("POST", "/", {}, "hal", false);
  CHECK(h2.run_until([&] { return h2.answers[id].closed_with.has_value(); }));
  CHECK(h2.answers[id].status() == 408);
  CHECK(h2.ask("GET", "/").status() == 200);
}

TEST_CASE("h2: an answer that the client opens no window for is reset after send_timeout") {
  HttpSettings http;
  http.send_timeout = Milliseconds(20);
  H2Wire one(http, std::make_unique<BytesHandler>(100'000), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1'000}}, false);
  const std::int32_t id = one.request("GET", "/");
  CHECK(one.run_until([&] { return one.answers[id].closed_with.has_value(); }));
  CHECK(one.answers[id].closed_with == NGHTTP2_INTERNAL_ERROR);
  CHECK(one.answers[id].content.size() == 1'000);
  CHECK(one.goaways.empty());
  CapturedLog log;
  H2Wire all(http, std::make_unique<BytesHandler>(100'000), {}, false);
  all.request("GET", "/");
  CHECK(all.run_until([&] { return !all.goaways.empty(); }));
  CHECK(was_told_to_calm_down(all));
  CHECK(log.text().find("WINDOW_UPDATE") != std::string::npos);
}

TEST_CASE("h2: an answer that waits behind others that the client reads is not reset") {
  HttpSettings http;
  http.send_timeout = Milliseconds(1'000);
  H2Wire h2(http, std::make_unique<BytesHandler>(100'000), {}, false);
  const std::int32_t first = h2.request("GET", "/", {{"priority", "u=0"}});
  const std::int32_t second = h2.request("GET", "/", {{"priority", "u=7"}});
  h2.run();
  nghttp2_submit_window_update(h2.session(), NGHTTP2_FLAG_NONE, first, 1'000'000);
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begun < 2 * http.send_timeout) {
    nghttp2_submit_window_update(h2.session(), NGHTTP2_FLAG_NONE, 0, 100);
    h2.run();
    ::poll(nullptr, 0, 1);
  }
  CHECK(!h2.answers[second].closed_with.has_value());
  nghttp2_submit_window_update(h2.session(), NGHTTP2_FLAG_NONE, second, 1'000'000);
  nghttp2_submit_window_update(h2.session(), NGHTTP2_FLAG_NONE, 0, 1'000'000);
  h2.run();
  CHECK(h2.answers[second].content.size() >= 100'000);
}

TEST_CASE("h2: a refused head leaves its connection as it was") {
  HttpSettings http;
  http.header_timeout = Milliseconds(20);
  auto handler = std::make_unique<PatientHandler>();
  H2Wire h2(http, std::move(handler));
  h2.request("GET", "/");
  const std::int32_t bad = h2.request("GET", "/", {{"connection", "close"}});
  h2.run();
  CHECK(h2.answers[bad].closed_with == NGHTTP2_PROTOCOL_ERROR);
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(60)) h2.run();
  CHECK(h2.goaways.empty());
}
