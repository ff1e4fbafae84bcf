// A request's head and the framing of its content. What is written is read once more for line ends that nobody meant.
#include "proxy/http_codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "core/http/field_syntax.h"
#include "core/number_text.h"

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

/// CR, LF and NUL.
std::size_t count_breaks(std::string_view text) {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, 224);
    std::uint8_t here = 0;  // as narrow as what is counted, so that the compiler counts many at once
    for (const char c : part) here += static_cast<std::uint8_t>((c == '\n') | (c == '\r') | (c == '\0'));
    count += here;
    text.remove_prefix(part.size());
  }
  return count;
}

/// Counts what it writes as lines.
class Lines {
 public:
  explicit Lines(std::string& to) : to_(to), begin_(to.size()) {}

  void add(std::string_view name, std::string_view value) {
    to_.append(name).append(": ").append(value).append(kLineEnd);
    ++count_;
  }
  void add_request_line(std::string_view method, std::string_view target) {
    to_.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
    ++count_;
  }
  void end() {
    to_.append(kLineEnd);
    ++count_;
  }
  /// Nothing that was added held a line end or a NUL of its own.
  bool hold() const { return count_breaks(std::string_view(to_).substr(begin_)) == count_ * kLineEnd.size(); }
  void take_back() { to_.resize(begin_); }

 private:
  std::string& to_;
  std::size_t begin_;
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
    std::string length;
    append_number(request.has_content ? *request.length : 0, length);
    to.add("Content-Length", length);
  }
}

}  // namespace

Result<void> HttpCodec::write_head(const UpstreamRequest& request, std::string& to) {
  if (!is_token(request.method)) return refused("its method is no token");
  if (!is_target(request.target, request.method)) return refused("its target is no path");
  chunked_ = request.has_content && !request.length;
  Lines lines(to);
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
  if (!lines.hold()) {
    lines.take_back();
    return refused("a line end or a NUL in its header");
  }
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
