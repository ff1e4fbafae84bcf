// Which bytes may stand in a name and in a value.
#include "appserver/gateway/head_field.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace edge::gateway {
namespace {

/// RFC 9110 5.6.2.
constexpr auto kTokenBytes = [] {
  std::array<bool, 256> is_token{};
  for (char c = '0'; c <= '9'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) is_token[static_cast<unsigned char>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) is_token[static_cast<unsigned char>(c)] = true;
  return is_token;
}();

bool is_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return kTokenBytes[static_cast<unsigned char>(c)]; });
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool same_name(std::string_view name, std::string_view lower_case) {
  return std::ranges::equal(name, lower_case, {}, lower);
}

/// The edge sends that file, and the app's own body, for which Flask then announces the file's length, does not count.
bool names_a_file(std::string_view name) {
  return same_name(name, "x-accel-redirect") || same_name(name, "x-sendfile");
}

}  // namespace

bool refuse(const char* why, PyObject* what) {
  PyErr_Format(PyExc_ValueError, why, what);
  return false;
}

bool is_clean(std::string_view value) {
  return std::ranges::none_of(value, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

bool is_hop_by_hop(std::string_view name) {
  constexpr std::string_view kNames[] = {"te",
                                         "upgrade",
                                         "trailer",
                                         "trailers",
                                         "connection",
                                         "keep-alive",
                                         "transfer-encoding",
                                         "proxy-authenticate",
                                         "proxy-authorization"};
  return std::ranges::any_of(kNames, [name](std::string_view one) { return same_name(name, one); });
}

bool HeadWriter::add(const HeadField& field) {
  if (!is_token(field.name)) return refuse("not a header name: %R", field.name_object);
  if (!is_clean(field.value)) return refuse("a header holds control characters: %R", field.whole);
  if (same_name(field.name, "content-length")) {
    const bool again = content_length_.has_value();
    if (!note_length(field)) return false;
    if (again) return true;  // the same once more
  }
  if (names_a_file(field.name)) redirected_ = true;
  block_.add(field.name, field.value);
  return true;
}

bool HeadWriter::note_length(const HeadField& field) {
  std::uint64_t length = 0;
  const char* const last = field.value.data() + field.value.size();
  const auto [end, problem] = std::from_chars(field.value.data(), last, length);
  if (problem != std::errc{} || end != last) {
    return refuse("Content-Length must be a number of bytes, not %R", field.value_object);
  }
  if (content_length_ && *content_length_ != length) {
    return refuse("Content-Length is given twice, the second time as %R", field.value_object);
  }
  content_length_ = length;
  return true;
}

bool HeadWriter::finish(Head& head) {
  if (block_.overflowed()) {
    PyErr_Format(PyExc_ValueError, "the answer's head is larger than %zd bytes", static_cast<Py_ssize_t>(capacity_));
    return false;
  }
  head.content_length = redirected_ ? std::nullopt : content_length_;
  head.size = static_cast<std::uint32_t>(block_.size());
  return true;
}

}  // namespace edge::gateway
