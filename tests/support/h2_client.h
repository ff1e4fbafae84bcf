// A client of HTTP/2 by nghttp2: requests out, answers in, as bytes that the test carries.
#pragma once

#include <doctest/doctest.h>
#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace edge::test {

using H2Fields = std::vector<std::pair<std::string, std::string>>;

struct H2Answer {
  std::vector<int> statuses;  // with those that were only information
  std::map<std::string, std::string> fields;
  std::string content;
  std::optional<std::uint32_t> closed_with;  // RST_STREAM's code, or 0
  int status() const { return statuses.empty() ? 0 : statuses.back(); }
};

class H2Client {
 public:
  /// What the client says of itself, and whether it opens its windows as it reads.
  explicit H2Client(std::vector<nghttp2_settings_entry> settings = {}, bool opens_windows = true) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, opens_windows ? 0 : 1);
    nghttp2_session_client_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  }
  ~H2Client() { nghttp2_session_del(session_); }
  H2Client(const H2Client&) = delete;
  H2Client& operator=(const H2Client&) = delete;

  /// A request to queue; `body` goes as far as windows let it. `ends`: no more content follows.
  std::int32_t request(std::string_view method, std::string_view path, const H2Fields& fields = {},
                       std::optional<std::string> body = std::nullopt, bool ends = true) {
    H2Fields all = {{":method", std::string(method)}, {":scheme", "http"}, {":path", std::string(path)}};
    if (!fields.empty() && fields.front().first == ":authority") {
      all.insert(all.end(), fields.begin(), fields.end());
    } else {
      all.emplace_back(":authority", "x");
      all.insert(all.end(), fields.begin(), fields.end());
    }
    return submit(all, std::move(body), ends);
  }
  /// The same with every field as it is given.
  std::int32_t submit(const H2Fields& fields, std::optional<std::string> body = std::nullopt, bool ends = true) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields) list.push_back(field(name, value));
    const bool has_body = body.has_value();
    Upload& upload = *uploads_.emplace_back(new Upload{body.value_or(""), ends});
    nghttp2_data_provider provider{{.ptr = &upload}, read_upload};
    return nghttp2_submit_request(session_, nullptr, list.data(), list.size(), has_body ? &provider : nullptr, nullptr);
  }
  void more(std::int32_t id, std::string_view content, bool ends) {
    Upload& upload = *uploads_[static_cast<std::size_t>(id / 2)];
    upload.left += content;
    upload.ends = ends;
    nghttp2_session_resume_data(session_, id);
  }
  void reset(std::int32_t id, std::uint32_t code = NGHTTP2_CANCEL) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  }
  void prioritise(std::int32_t id, std::string_view priority) {
    const auto* value = reinterpret_cast<const std::uint8_t*>(priority.data());
    nghttp2_submit_priority_update(session_, NGHTTP2_FLAG_NONE, id, value, priority.size());
  }
  nghttp2_session* session() { return session_; }

  /// What it has to say.
  std::string bytes() {
    std::string all;
    const std::uint8_t* bytes = nullptr;
    for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
      all.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    return all;
  }
  void feed(std::string_view bytes) {
    const ssize_t fed =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    REQUIRE(fed == static_cast<ssize_t>(bytes.size()));
  }

  std::map<std::int32_t, H2Answer> answers;
  std::vector<std::int32_t> data_order;                         // of streams, one for each DATA frame
  std::vector<std::pair<std::int32_t, std::uint32_t>> goaways;  // last stream, code
  std::map<std::int32_t, std::uint32_t> settings;               // the server's
  int pings_answered = 0;

 private:
  struct Upload {
    std::string left;
    bool ends;
  };
  static nghttp2_nv field(const std::string& name, const std::string& value) {
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
  }
  static H2Client& self(void* user) { return *static_cast<H2Client*>(user); }
  static ssize_t read_upload(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t size, std::uint32_t* flags,
                             nghttp2_data_source* source, void*) {
    auto& upload = *static_cast<Upload*>(source->ptr);
    const std::size_t now = std::min(size, upload.left.size());
    std::memcpy(to, upload.left.data(), now);
    upload.left.erase(0, now);
    if (upload.left.empty() && upload.ends) *flags = NGHTTP2_DATA_FLAG_EOF;
    if (now == 0 && !upload.ends) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(now);
  }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    const std::string key(reinterpret_cast<const char*>(name), name_size);
    const std::string text(reinterpret_cast<const char*>(value), value_size);
    H2Answer& answer = self(user).answers[frame->hd.stream_id];
    if (key == ":status") answer.statuses.push_back(std::atoi(text.c_str()));
    answer.fields[key] = text;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                     void* user) {
    self(user).answers[id].content.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user) {
    self(user).answers[id].closed_with = code;
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    H2Client& client = self(user);
    if (frame->hd.type == NGHTTP2_DATA) client.data_order.push_back(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) ++client.pings_answered;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      client.goaways.emplace_back(frame->goaway.last_stream_id, frame->goaway.error_code);
    }
    if (frame->hd.type == NGHTTP2_SETTINGS) {
      for (std::size_t i = 0; i < frame->settings.niv; ++i) {
        client.settings[frame->settings.iv[i].settings_id] = frame->settings.iv[i].value;
      }
    }
    return 0;
  }

  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Upload>> uploads_;
};

}  // namespace edge::test
