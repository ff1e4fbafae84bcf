// One client for each front door, all with the same face: what a suite over every door asks with.
#pragma once

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/uwsgi_packet.h"
#include "unit/h1_wire.h"
#include "unit/h2_wire.h"

namespace edge::exchange_test {

struct Answer {
  int status = 0;                             // 0: none came
  std::map<std::string, std::string> fields;  // names in lower case
  std::string content;
  bool whole = false;  // its end was told, so that nobody takes a part for it
};

/// An answer as HTTP/1 writes it, without those that are only information. `ended`: the connection, in good order.
inline Answer read_answer(std::string_view bytes, bool has_content, bool ended) {
  Answer answer;
  const std::size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return answer;
  answer.status = std::atoi(std::string(bytes.substr(9, 3)).c_str());
  std::string_view head = bytes.substr(0, head_end + 2);
  for (head.remove_prefix(head.find('\n') + 1); !head.empty(); head.remove_prefix(head.find('\n') + 1)) {
    std::string name(head.substr(0, head.find(':')));
    std::ranges::transform(name, name.begin(), [](unsigned char letter) { return std::tolower(letter); });
    answer.fields[name] = head.substr(name.size() + 2, head.find('\r') - name.size() - 2);
  }
  bytes.remove_prefix(head_end + 4);
  if (!has_content || answer.status == 204 || answer.status == 304) {
    answer.content = bytes;
    answer.whole = bytes.empty();
  } else if (const auto length = answer.fields.find("content-length"); length != answer.fields.end()) {
    answer.content = bytes;
    answer.whole = std::to_string(bytes.size()) == length->second;
  } else if (!answer.fields.contains("transfer-encoding")) {
    answer.content = bytes;
    answer.whole = ended;
  } else {
    while (!answer.whole && !bytes.empty()) {
      const std::size_t size = std::strtoul(std::string(bytes.substr(0, bytes.find('\r'))).c_str(), nullptr, 16);
      bytes.remove_prefix(std::min(bytes.find('\n') + 1, bytes.size()));
      answer.content += bytes.substr(0, size);
      answer.whole = size == 0;
      bytes.remove_prefix(std::min(size + 2, bytes.size()));
    }
  }
  return answer;
}

/// HTTP/1 and uwsgi: bytes as the request is written, and one answer.
template <class Door>
class ByteClient {
 public:
  explicit ByteClient(HttpSettings http = {},
                      std::unique_ptr<Handler> handler = std::make_unique<h1_test::EchoHandler>())
      : wire(http, std::move(handler), Door::kSpeaks, Door::kTls) {}

  void ask(std::string_view method, std::string_view target, const std::optional<std::string>& body = std::nullopt) {
    begin(method, target, body.value_or(""), body ? std::optional(body->size()) : std::nullopt);
  }
  /// The head of a request, and how much of its body there is now; `length` of the whole.
  void begin(std::string_view method, std::string_view target, std::string_view part,
             std::optional<std::size_t> length) {
    has_content_ = method != "HEAD";
    carry(Door::head(method, target, length) + std::string(part));
  }
  void more(std::string_view part) { carry(std::string(part)); }
  Answer answer() {
    if (!wire.ended()) wire.what_comes();
    return read_answer(wire.received(), has_content_, wire.ended() && !wire.was_reset());
  }
  /// The answer, which takes real time.
  Answer patient_answer() {
    Answer found;
    for (int turn = 0; turn < 5000 && !(found = answer()).whole && !wire.ended(); ++turn) ::poll(nullptr, 0, 1);
    return found;
  }

  h1_test::Wire wire;
  bool byte_by_byte = false;

 private:
  void carry(const std::string& bytes) {
    if (!byte_by_byte) return wire.send(bytes);
    for (const char byte : bytes) wire.send({&byte, 1});
  }
  bool has_content_ = true;
};

struct Http1Request {
  static constexpr h1_test::Speaks kSpeaks = h1_test::Speaks::http1;
  static std::string head(std::string_view method, std::string_view target, std::optional<std::size_t> length) {
    return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: a.test\r\n" +
           (length ? "Content-Length: " + std::to_string(*length) + "\r\n" : "") + "\r\n";
  }
};
struct PlainHttp1 : Http1Request {
  static constexpr bool kTls = false;
};
struct TlsHttp1 : Http1Request {
  static constexpr bool kTls = true;
};
struct PlainUwsgi {
  static constexpr h1_test::Speaks kSpeaks = h1_test::Speaks::uwsgi;
  static constexpr bool kTls = false;
  static std::string head(std::string_view method, std::string_view target, std::optional<std::size_t> length) {
    return test::uwsgi_packet({{"REQUEST_METHOD", method},
                               {"REQUEST_URI", target},
                               {"HTTP_HOST", "a.test"},
                               {"CONTENT_LENGTH", length ? std::to_string(*length) : ""}});
  }
};

/// HTTP/2: one stream at a time, and windows that never hold it.
template <bool kTls>
class StreamClient {
 public:
  explicit StreamClient(HttpSettings http = {},
                        std::unique_ptr<Handler> handler = std::make_unique<h1_test::EchoHandler>())
      : h2_(http, std::move(handler), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff}}, true, kTls),
        wire(h2_.wire) {
    nghttp2_session_set_local_window_size(h2_.session(), NGHTTP2_FLAG_NONE, 0, 0x7fffffff);
  }

  void ask(std::string_view method, std::string_view target, const std::optional<std::string>& body = std::nullopt) {
    id_ = h2_.request(method, target, {{":authority", "a.test"}}, body);
    carry();
  }
  void begin(std::string_view method, std::string_view target, std::string_view part,
             std::optional<std::size_t> length) {
    test::H2Fields fields = {{":authority", "a.test"}};
    if (length) fields.emplace_back("content-length", std::to_string(*length));
    left_ = length.value_or(0) - part.size();
    id_ = h2_.request(method, target, fields, std::string(part), left_ == 0);
    carry();
  }
  void more(std::string_view part) {
    left_ -= part.size();
    h2_.more(id_, part, left_ == 0);
    carry();
  }
  Answer answer() {
    h2_.run();
    return found();
  }
  Answer patient_answer() {
    h2_.run_until([this] { return h2_.answers[id_].closed_with.has_value(); });
    return found();
  }

 private:
  void carry() {
    const std::string bytes = h2_.bytes();
    if (!byte_by_byte) return wire.send(bytes);
    for (const char byte : bytes) {
      REQUIRE(wire.offer({&byte, 1}) == 1);
      wire.turn();
    }
  }
  Answer found() {
    const test::H2Answer& answer = h2_.answers[id_];
    return {answer.status(), answer.fields, answer.content, answer.closed_with == 0};
  }

  h2_test::H2Wire h2_;
  std::int32_t id_ = 0;
  std::size_t left_ = 0;

 public:
  h1_test::Wire& wire;
  bool byte_by_byte = false;
};

using Http1 = ByteClient<PlainHttp1>;
using Http1OverTls = ByteClient<TlsHttp1>;
using Uwsgi = ByteClient<PlainUwsgi>;
using Http2 = StreamClient<false>;
using Http2OverTls = StreamClient<true>;

}  // namespace edge::exchange_test
