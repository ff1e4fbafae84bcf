// A request's head and the framing of its content. What is written is read once more for line ends that nobody meant.
#include "proxy/http_codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "core/count_bytes.h"
#include "core/http/field_syntax.h"
#include "core/text_writer.h"

namespace edge {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

std::unexpected<Error> refused(std::string why) {
  return fail(ErrorKind::malformed, Side::client, "a request that cannot be sent on: " + std::move(why));
}

bool is_target(std::string_view target, std::string_view method) {
  const auto is_visible = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; };
  return (target.starts_with('/') && std::ranges::all_of(target, is_visible)) || (target == "*" && method == "OPTIONS");
}

/// Room for every line but the client's own fields, and for what frames those.
std::size_t room_for(const UpstreamRequest& request) {
  constexpr std::size_t kFixed = 128;  // bytes of the lines below without the views that they are made from
  constexpr std::size_t kFraming = 4;  // ": " and the line end
  std::size_t room =
      kFixed + request.method.size() + request.target.size() + request.host.size() + request.upgrade.size();
  for (const HeaderField& field : request.headers) room += field.name.size() + field.value.size() + kFraming;
  return room;
}

/// Appends lines and counts them.
class Lines {
 public:
  Lines(std::string& to, std::size_t room) : to_(to), begin_(to.size()), text_(with_room(to, room), room) {}

  void add(std::string_view name, std::string_view value) {
    text_.add(name);
    text_.add(": ");
    text_.add(value);
    end();
  }
  void add_request_line(std::string_view method, std::string_view target) {
    text_.add(method);
    text_.add(" ");
    text_.add(target);
    text_.add(" HTTP/1.1");
    end();
  }
  void end() {
    text_.add(kLineEnd);
    ++count_;
  }
  /// Once, behind the last line. False: one holds a line end or a NUL of its own, and none was appended.
  bool finish() {
    const auto is_break = [](unsigned char c) { return (c == '\n') | (c == '\r') | (c == '\0'); };
    const bool hold = count_bytes(text_.written(), is_break) == count_ * kLineEnd.size();
    to_.resize(begin_ + (hold ? text_.size() : 0));
    return hold;
  }

 private:
  static char* with_room(std::string& to, std::size_t room) {
    const std::size_t before = to.size();
    to.resize(before + room);
    return to.data() + before;
  }

  std::string& to_;
  const std::size_t begin_;
  TextWriter text_;
  std::size_t count_ = 0;
};

/// RFC 9110 8.6: a method that gives content a meaning says that there is none.
bool announces_none(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

void add_framing(const UpstreamRequest& request, bool chunked, Lines& to) {
  if (chunked) {
    to.add("Transfer-Encoding", "chunked");
  } else if (request.has_content || announces_none(request.method)) {
    std::array<char, 20> digits;
    const std::uint64_t length = request.has_content ? *request.length : 0;
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), length).ptr;
    to.add("Content-Length", {digits.data(), end});
  }
}

}  // namespace

Result<void> HttpCodec::write_head(const UpstreamRequest& request, std::string& to) {
  if (!is_token(request.method)) return refused("its method is no token");
  if (!is_target(request.target, request.method)) return refused("its target is no path");
  chunked_ = request.has_content && !request.length;
  Lines lines(to, room_for(request));
  lines.add_request_line(request.method, request.target);
  lines.add("Host", request.host);
  for (const HeaderField& field : request.headers) {
    if (!is_the_codecs_own(field.id)) lines.add(field.name, field.value);
  }
  add_framing(request, chunked_, lines);
  if (!request.upgrade.empty()) {
    lines.add("Connection", "Upgrade");
    lines.add("Upgrade", request.upgrade);
  } else if (!request.keep_alive) {
    lines.add("Connection", "close");
  }
  lines.end();
  if (!lines.finish()) return refused("a line end or a NUL in its header");
  begin_answer(request);
  return {};
}

void HttpCodec::begin_content(std::size_t size, std::string& to) {
  if (!chunked_) return;
  std::array<char, 16> digits;
  to.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr).append(kLineEnd);
}

void HttpCodec::end_content(std::size_t, std::string& to) {
  if (chunked_) to.append(kLineEnd);
}

void HttpCodec::finish_content(std::string& to) {
  if (chunked_) to.append("0\r\n\r\n");
}

}  // namespace edge
