// Checking what a worker sends as head: nothing in it may split or reframe the answer.
#include "appserver/answer_head.h"

#include <charconv>
#include <string>

#include "core/http/field_syntax.h"
#include "core/uwsgi/packet.h"

namespace edge {

namespace {

bool is_for_one_connection(HeaderName name) {
  switch (name) {
    case HeaderName::connection:
    case HeaderName::date:
    case HeaderName::keep_alive:
    case HeaderName::proxy_authenticate:
    case HeaderName::proxy_authorization:
    case HeaderName::proxy_connection:
    case HeaderName::server:
    case HeaderName::te:
    case HeaderName::trailer:
    case HeaderName::transfer_encoding:
    case HeaderName::upgrade:
      return true;
    default:
      return false;
  }
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Error> bad_head(std::string_view what) {
  return fail(ErrorKind::bad_gateway, Side::app, "the app answered with " + std::string(what));
}

}  // namespace

Result<std::optional<std::uint64_t>> read_answer_head(std::string_view block, Response& response) {
  using Step = uwsgi::BlockReader::Step;
  uwsgi::BlockReader reader(block);
  uwsgi::Variable field;
  if (reader.next(field) != Step::variable || !field.name.empty()) return bad_head("a head without a reason phrase");
  if (!is_field_text(field.value)) return bad_head("a control byte in its reason phrase");
  response.reason = field.value;
  std::optional<std::uint64_t> length;
  Step step;
  while ((step = reader.next(field)) == Step::variable) {
    if (!is_token(field.name)) return bad_head("a header field whose name is no token");
    if (!is_field_text(field.value)) return bad_head("a control byte in a header field");
    const HeaderField added{field.name, trimmed(field.value), header_name(field.name)};
    if (is_for_one_connection(added.id)) continue;
    if (added.id == HeaderName::content_length) {
      const std::optional<std::uint64_t> announced = number(added.value);
      if (!announced || (length && length != announced)) return bad_head("a wrong Content-Length");
      if (length) continue;
      length = announced;
    }
    if (added.id == HeaderName::x_accel_redirect) {
      response.redirect = InternalRedirect{InternalRedirect::To::path, added.value};
    } else if (added.id == HeaderName::x_sendfile && !response.redirect) {
      response.redirect = InternalRedirect{InternalRedirect::To::file, added.value};
    }
    response.headers.add(added);
  }
  if (step == Step::broken) return bad_head("a head that cannot be read");
  return length;
}

}  // namespace edge
