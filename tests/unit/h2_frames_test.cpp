// HTTP/2 frame by frame, as raw bytes: what RFC 9113 sections 3 to 8 ask of a server when a client breaks its rules.
#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unit/h1_wire.h"

using namespace edge;
using namespace edge::h1_test;

namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Type : std::uint8_t {
  data,
  headers,
  priority,
  rst_stream,
  settings,
  push_promise,
  ping,
  goaway,
  window_update,
  continuation,
  unknown = 0x77
};
enum Flag : std::uint8_t { none = 0, end_stream = 1, ack = 1, end_headers = 4, padded = 8, with_priority = 0x20 };
enum Code : std::uint32_t {
  no_error,
  protocol_error,
  internal_error,
  flow_control_error,
  settings_timeout,
  stream_closed,
  frame_size_error,
  refused_stream,
  cancel,
  compression_error
};

std::string number(std::uint32_t value, int bytes = 4) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string frame(std::uint8_t type, int flags, std::uint32_t stream, std::string_view payload = {}) {
  return number(static_cast<std::uint32_t>(payload.size()), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         number(stream) + std::string(payload);
}

/// A literal field that no table keeps.
std::string field(std::string_view name, std::string_view value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + std::string(name) + static_cast<char>(value.size()) +
         std::string(value);
}

const std::string kGet = "\x82\x84\x86" + field(":authority", "x");  // :method GET, :path /, :scheme http
const std::string kPost = "\x83\x84\x86" + field(":authority", "x");
const std::string kHello = std::string(kPreface) + frame(settings, none, 0);

std::string get(std::uint32_t stream) {
  return frame(headers, end_stream | end_headers, stream, kGet);
}
std::string post(std::uint32_t stream) {
  return frame(headers, end_headers, stream, kPost);
}

struct Frame {
  std::uint8_t type;
  std::uint8_t flags;
  std::uint32_t stream;
  std::string payload;
  std::uint32_t word(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i) value = value << 8U | static_cast<std::uint8_t>(payload.at(i));
    return value;
  }
};

std::vector<Frame> frames_of(std::string_view bytes) {
  std::vector<Frame> all;
  const auto byte = [&bytes](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[at]));
  };
  while (bytes.size() >= 9) {
    const std::size_t size = byte(0) << 16U | byte(1) << 8U | byte(2);
    REQUIRE(bytes.size() >= 9 + size);
    all.push_back({static_cast<std::uint8_t>(byte(3)), static_cast<std::uint8_t>(byte(4)),
                   byte(5) << 24U | byte(6) << 16U | byte(7) << 8U | byte(8), std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  CHECK(bytes.empty());
  return all;
}

/// What a door answers to `bytes`.
struct Outcome {
  explicit Outcome(std::string_view bytes) {
    wire.offer(bytes);
    for (int i = 0; i < 5; ++i) {
      wire.turn();
      came += wire.take_bytes();
    }
    for (const Frame& each : frames_of(came)) {
      if (each.type == goaway) connection_error = each.word(4);
      if (each.type == rst_stream) resets.emplace_back(each.stream, each.word(0));
      if (each.type == headers) answered.push_back(each.stream);
      if (each.type == settings && each.flags == ack) ++settings_acks;
      if (each.type == ping && each.flags == ack) pongs.push_back(each.payload);
    }
  }
  bool answers(std::vector<std::uint32_t> streams) const { return answered == streams; }
  bool resets_one(std::uint32_t stream, std::uint32_t code) const {
    return resets == std::vector{std::pair{stream, code}} && !connection_error;
  }

  Wire wire{{}, std::make_unique<EchoHandler>(), Speaks::http2};
  std::string came;
  std::optional<std::uint32_t> connection_error;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> resets;
  std::vector<std::uint32_t> answered;
  std::vector<std::string> pongs;
  int settings_acks = 0;
};

Outcome after_hello(const std::string& bytes) {
  return Outcome(kHello + bytes);
}

}  // namespace

TEST_CASE("h2 frames: the server's preface is SETTINGS, and the client's is acknowledged") {
  const Outcome outcome(kHello);
  const std::vector<Frame> frames = frames_of(outcome.came);
  REQUIRE(!frames.empty());
  CHECK(frames[0].type == settings);
  CHECK(frames[0].flags == none);
  CHECK(outcome.settings_acks == 1);
  CHECK(!outcome.connection_error);
}

TEST_CASE("h2 frames: what is no preface ends the connection") {
  for (const std::string_view bytes : {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"}) {
    CHECK(Outcome(bytes).connection_error == protocol_error);
  }
  CHECK(Outcome(std::string(kPreface) + get(1)).connection_error == protocol_error);
}

TEST_CASE("h2 frames: what is well formed is answered") {
  const std::string pad = std::string(1, '\x03');
  const std::string zeros(3, '\0');
  const std::string priority_part = number(0) + '\x10';
  CHECK(after_hello(get(1)).answers({1}));
  CHECK(after_hello(get(1) + get(3) + get(9)).answers({1, 3, 9}));
  CHECK(after_hello(frame(headers, end_stream | end_headers | padded, 1, pad + kGet + zeros)).answers({1}));
  CHECK(after_hello(frame(headers, end_stream | end_headers | with_priority, 1, priority_part + kGet)).answers({1}));
  CHECK(after_hello(frame(headers, end_stream, 1, kGet.substr(0, 2)) +
                    frame(continuation, end_headers, 1, kGet.substr(2)))
            .answers({1}));
  CHECK(after_hello(post(1) + frame(data, padded | end_stream, 1, pad + "abc" + zeros)).answers({1}));
  CHECK(after_hello(post(1) + frame(data, none, 1) + frame(data, end_stream, 1)).answers({1}));
  CHECK(after_hello(post(1) + frame(headers, end_stream | end_headers, 1, field("t", "1"))).answers({1}));
  CHECK(after_hello(frame(unknown, 0xff, 0, "abc") + frame(unknown, 0xff, 7, "abc") + get(1)).answers({1}));
  CHECK(after_hello(frame(priority, none, 9, priority_part) + get(1)).answers({1}));
  CHECK(after_hello(frame(settings, none, 0, std::string("\xff\xff", 2) + number(1)) + get(1)).answers({1}));
  CHECK(after_hello(frame(goaway, none, 0, number(0) + number(0)) + get(1)).answers({1}));
  CHECK(after_hello(frame(ping, none, 0, "12345678")).pongs == std::vector<std::string>{"12345678"});
  CHECK(after_hello(frame(ping, ack, 0, "12345678")).pongs.empty());
  CHECK(after_hello(frame(window_update, none, 0, number(1)) + get(1)).answers({1}));
}

TEST_CASE("h2 frames: a breach that concerns all ends the connection") {
  struct Case {
    const char* what;
    std::string bytes;
    Code code;
  };
  const std::string large(16'385, 'x');
  const std::string pad_too_long =
      "\x10"
      "abc";
  const std::vector<Case> cases = {
      {"frame larger than SETTINGS_MAX_FRAME_SIZE", frame(unknown, none, 0, large), frame_size_error},
      {"DATA on stream 0", frame(data, none, 0, "x"), protocol_error},
      {"DATA on an idle stream", frame(data, none, 1, "x"), protocol_error},
      {"DATA padded with more than it has", post(1) + frame(data, padded, 1, pad_too_long), protocol_error},
      {"HEADERS on stream 0", get(0), protocol_error},
      {"HEADERS on an even stream", get(2), protocol_error},
      {"HEADERS padded with more than it has", frame(headers, end_headers | padded, 1, pad_too_long), protocol_error},
      {"HEADERS that is not followed by its CONTINUATION", frame(headers, end_stream, 1, kGet) + get(3),
       protocol_error},
      {"CONTINUATION of another stream",
       frame(headers, end_stream, 1, kGet) + frame(continuation, end_headers, 3, kGet), protocol_error},
      {"CONTINUATION of nothing", frame(continuation, end_headers, 1, kGet), protocol_error},
      {"CONTINUATION behind a complete head", get(1) + frame(continuation, end_headers, 1, kGet), protocol_error},
      {"a head that HPACK does not know", frame(headers, end_stream | end_headers, 1, "\xff\xff\xff\xff\xff\xff"),
       compression_error},
      {"PRIORITY on stream 0", frame(priority, none, 0, number(0) + "x"), protocol_error},
      {"RST_STREAM on stream 0", frame(rst_stream, none, 0, number(0)), protocol_error},
      {"RST_STREAM of an idle stream", frame(rst_stream, none, 1, number(0)), protocol_error},
      {"RST_STREAM of a wrong length", post(1) + frame(rst_stream, none, 1, "abc"), frame_size_error},
      {"SETTINGS on a stream", frame(settings, none, 1), protocol_error},
      {"SETTINGS of a wrong length", frame(settings, none, 0, "abc"), frame_size_error},
      {"SETTINGS that acknowledges with content", frame(settings, ack, 0, "abcdef"), frame_size_error},
      {"SETTINGS_ENABLE_PUSH of 2", frame(settings, none, 0, std::string("\0\2", 2) + number(2)), protocol_error},
      {"SETTINGS_INITIAL_WINDOW_SIZE too large", frame(settings, none, 0, std::string("\0\4", 2) + number(0x80000000)),
       flow_control_error},
      {"SETTINGS_MAX_FRAME_SIZE too small", frame(settings, none, 0, std::string("\0\5", 2) + number(16'383)),
       protocol_error},
      {"SETTINGS_MAX_FRAME_SIZE too large", frame(settings, none, 0, std::string("\0\5", 2) + number(16'777'216)),
       protocol_error},
      {"PUSH_PROMISE from a client", frame(push_promise, end_headers, 1, number(2) + kGet), protocol_error},
      {"PING on a stream", frame(ping, none, 1, "12345678"), protocol_error},
      {"PING of a wrong length", frame(ping, none, 0, "1234567"), frame_size_error},
      {"GOAWAY on a stream", frame(goaway, none, 1, number(0) + number(0)), protocol_error},
      {"GOAWAY of a wrong length", frame(goaway, none, 0, number(0)), frame_size_error},
      {"WINDOW_UPDATE of 0 for a stream", post(1) + frame(window_update, none, 1, number(0)), protocol_error},
      {"WINDOW_UPDATE of 0 for the connection", frame(window_update, none, 0, number(0)), protocol_error},
      {"WINDOW_UPDATE of a wrong length", frame(window_update, none, 0, "abc"), frame_size_error},
      {"WINDOW_UPDATE of an idle stream", frame(window_update, none, 1, number(1)), protocol_error},
      {"WINDOW_UPDATE that overflows the connection", frame(window_update, none, 0, number(0x7fffffff)),
       flow_control_error},
  };
  for (const Case& each : cases) {
    CAPTURE(std::string(each.what));
    Outcome outcome = after_hello(each.bytes);
    CHECK(outcome.connection_error == each.code);
    outcome.wire.until_end();
  }
}

TEST_CASE("h2 frames: a stream number that was passed over begins no request") {
  CHECK(after_hello(get(5) + get(3) + get(7)).answers({5, 7}));
}

TEST_CASE("h2 frames: a breach that concerns one stream resets it alone") {
  CHECK(after_hello(post(1) + frame(window_update, none, 1, number(0x7fffffff))).resets_one(1, flow_control_error));
  CHECK(after_hello(post(1) + frame(headers, end_headers, 1, field("t", "1"))).resets_one(1, protocol_error));
  const Outcome behind_reset = after_hello(post(1) + frame(rst_stream, none, 1, number(cancel)) + get(3));
  CHECK(behind_reset.answers({3}));
}

TEST_CASE("h2 frames: what follows the end of a request is a breach") {
  CHECK(after_hello(get(1) + frame(data, end_stream, 1, "x")).connection_error.has_value());
  CHECK(after_hello(get(1) + frame(headers, end_headers | end_stream, 1, kGet)).connection_error.has_value());
}

TEST_CASE("h2 frames: a malformed head resets its stream, or is answered with 400") {
  const auto head = [](const std::string& block) { return frame(headers, end_stream | end_headers, 1, block); };
  const std::vector<std::string> malformed = {
      std::string("\x84\x86"),                       // no :method
      std::string("\x82\x86"),                       // no :path
      std::string("\x82\x84"),                       // no :scheme
      kGet + "\x82",                                 // :method twice, and behind a field
      "\x82\x82\x84\x86",                            // :method twice
      kGet + field(":status", "200"),                // a pseudo field of answers
      kGet + field(":other", "x"),                   // one that nobody knows
      field("a", "b") + kGet,                        // pseudo fields behind others
      kGet + field("Name", "x"),                     // upper case
      kGet + field("connection", "close"),           // of HTTP/1
      kGet + field("transfer-encoding", "chunked"),  // of HTTP/1
      kGet + field("upgrade", "h2c"),                // of HTTP/1
      kGet + field("te", "gzip"),                    // only trailers may be asked for
      kGet + field("a", std::string("b\0c", 3)),     // NUL
      kGet + field("a", "b\nc"),                     // line end
      kGet + field("a b", "c"),                      // no name
      "\x82\x86" + field(":path", "") + field(":authority", "x"),
      kPost + field("content-length", "3"),  // and no content
  };
  for (const std::string& block : malformed) {
    CAPTURE(block);
    CHECK(after_hello(head(block) + get(3)).answers({3}));
    CHECK(after_hello(head(block)).resets_one(1, protocol_error));
  }
  CHECK(after_hello(head(kGet + field("te", "trailers"))).answers({1}));
  const std::string too_much =
      frame(headers, end_headers, 1, kPost + field("content-length", "1")) + frame(data, end_stream, 1, "ab");
  CHECK(after_hello(too_much).resets_one(1, protocol_error));
}
