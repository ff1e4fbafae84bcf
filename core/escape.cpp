// Escaping, in runs: what needs none is appended whole.
#include "core/escape.h"

#include <array>
#include <cstdint>

#include "core/number_text.h"

namespace edge {
namespace {

constexpr std::string_view kUpperDigits = "0123456789ABCDEF";
constexpr std::string_view kLowerDigits = "0123456789abcdef";

/// For each byte whether it must be escaped.
using ByteSet = std::array<bool, 256>;

constexpr ByteSet bytes_outside(unsigned first, unsigned last, std::string_view also) {
  ByteSet set{};
  for (unsigned byte = 0; byte < set.size(); ++byte) set[byte] = byte < first || byte > last;
  for (const char c : also) set[static_cast<unsigned char>(c)] = true;
  return set;
}

constexpr ByteSet kLog = bytes_outside(0x20, 0x7e, "\"\\");
constexpr ByteSet kJson = bytes_outside(0x20, 0x7e, "\"\\");
constexpr ByteSet kPrintable = bytes_outside(0x20, 0x7e, "");
constexpr ByteSet kHeaderControl = bytes_outside(0x20, 0xff, "\x7f");
constexpr ByteSet kHtml = [] {
  ByteSet set{};
  for (const char c : std::string_view("&<>\"'")) set[static_cast<unsigned char>(c)] = true;
  return set;
}();
constexpr ByteSet kUrlPath = bytes_outside(0x21, 0x7e, "\"#%<>?[\\]^`{|}");
constexpr ByteSet kUrlQuery = bytes_outside(0x21, 0xff, "#\x7f");
constexpr ByteSet kUrl = bytes_outside(0x21, 0x7e, "\"<>\\^`{|}");

void append_hex(std::string_view before, char byte, std::string_view digits, std::string& to) {
  const auto value = static_cast<unsigned char>(byte);
  to.append(before);
  to.push_back(digits[value >> 4U]);
  to.push_back(digits[value & 0xfU]);
}

/// `escape` is called with what is left, beginning with a byte of `set`; it returns how many bytes it has dealt with.
template <class Escape>
void append_runs(std::string_view text, const ByteSet& set, std::string& to, Escape escape) {
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (!set[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    to.append(text.substr(run, i - run));
    i += escape(text.substr(i));
    run = i;
  }
  to.append(text.substr(run));
}

void append_percent_escaped(std::string_view text, const ByteSet& set, std::string& to) {
  append_runs(text, set, to, [&to](std::string_view rest) -> std::size_t {
    append_hex("%", rest.front(), kUpperDigits, to);
    return 1;
  });
}

/// The letter after the backslash, where JSON has one; else 0.
char json_short_form(char byte) {
  switch (byte) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    default:
      return 0;
  }
}

/// U+0080 … U+009F, which terminals take for commands as they do the bytes below 0x20.
bool is_c1(std::string_view character) {
  return character.size() == 2 && character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

std::size_t utf8_character(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first < 0xc2) return 0;  // a continuation, or a longer form of ASCII
  if (first < 0xe0) return continues(1) ? 2 : 0;
  if (first < 0xf0) {
    const bool overlong = first == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = first == 0xed && byte(1) > 0x9f;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  const bool overlong = first == 0xf0 && byte(1) < 0x90;
  const bool beyond = first > 0xf4 || (first == 0xf4 && byte(1) > 0x8f);
  return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
}

void append_log_escaped(std::string_view text, std::string& to) {
  append_runs(text, kLog, to, [&to](std::string_view rest) -> std::size_t {
    append_hex("\\x", rest.front(), kUpperDigits, to);
    return 1;
  });
}

void append_json_escaped(std::string_view text, std::string& to) {
  append_runs(text, kJson, to, [&to](std::string_view rest) -> std::size_t {
    if (const char letter = json_short_form(rest.front())) {
      to.push_back('\\');
      to.push_back(letter);
      return 1;
    }
    if (const std::size_t size = utf8_character(rest); size > 1) {
      to.append(rest.substr(0, size));
      return size;
    }
    append_hex("\\u00", rest.front(), kLowerDigits, to);
    return 1;
  });
}

void append_printable(std::string_view text, std::string& to) {
  append_runs(text, kPrintable, to, [&to](std::string_view rest) -> std::size_t {
    const std::size_t size = utf8_character(rest);
    if ((size > 1 && !is_c1(rest.substr(0, size))) || rest.front() == '\t') {
      to.append(rest.substr(0, size));
      return size;
    }
    append_hex("\\x", rest.front(), kUpperDigits, to);
    return 1;
  });
}

void append_url_path(std::string_view path, std::string& to) {
  append_percent_escaped(path, kUrlPath, to);
}

void append_url_query(std::string_view query, std::string& to) {
  append_percent_escaped(query, kUrlQuery, to);
}

void append_html_escaped(std::string_view text, std::string& to) {
  append_runs(text, kHtml, to, [&to](std::string_view rest) -> std::size_t {
    to.append("&#");
    append_number(static_cast<unsigned char>(rest.front()), to);
    to.push_back(';');
    return 1;
  });
}

void append_percent_encoded(std::string_view text, bool url, std::string& to) {
  append_percent_escaped(text, url ? kUrl : kHeaderControl, to);
}

}  // namespace edge
