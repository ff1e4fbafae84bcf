// Line by line.
#include "proxy/cgi_head.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "core/http/field_syntax.h"
#include "proxy/hop_by_hop.h"

namespace edge {
namespace {

std::unexpected<Error> bad_head(std::string_view what) {
  return fail(ErrorKind::bad_gateway, Side::upstream, "the server answered with " + std::string(what));
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "404 Not Found", "404".
Result<void> take_status(std::string_view value, ReceivedHead& head) {
  const std::optional<std::uint64_t> status = number(value.substr(0, 3));
  if (head.status != 0 || !status || *status < 200 || (value.size() > 3 && value[3] != ' ')) {
    return bad_head("a Status that is not one final status");
  }
  head.status = static_cast<int>(*status);
  head.reason = trimmed(value.substr(3));
  return {};
}

Result<void> take_field(std::string_view line, std::size_t most, ReceivedHead& head) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == line.npos || !is_token(name)) return bad_head("a line in its head that is no header field");
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_field_text(value)) return bad_head("a control byte in a header field");
  const HeaderField field{name, value, header_name(name)};
  if (field.id == HeaderName::transfer_encoding) return bad_head("Transfer-Encoding, which CGI does not have");
  if (field.id == HeaderName::content_length) {
    const std::optional<std::uint64_t> length = number(value);
    if (head.length || !length) return bad_head("a Content-Length that is not one number");
    head.length = length;
    return {};
  }
  if (same_name(name, "Status")) return take_status(value, head);
  if (head.headers.size() == most) return bad_head("more header fields than " + std::to_string(most));
  head.headers.add(field);
  return {};
}

}  // namespace

std::size_t cgi_head_end(std::string_view text, std::size_t searched) {
  for (std::size_t at = text.find('\n', searched); at != text.npos; at = text.find('\n', at + 1)) {
    const std::string_view before = text.substr(0, at);
    if (before.empty() || before == "\r" || before.ends_with('\n') || before.ends_with("\n\r")) return at + 1;
  }
  return text.npos;
}

Result<void> parse_cgi_head(std::string_view text, std::size_t most, ReceivedHead& head) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    if (const Result<void> taken = take_field(line, most, head); !taken) return taken;
  }
  if (head.status == 0) head.status = head.headers.find(HeaderName::location) ? 302 : 200;
  if (head.status == 204) head.length.reset();
  remove_hop_by_hop(head.headers);
  return {};
}

}  // namespace edge
