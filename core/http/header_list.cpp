// The well-known header names: one probe of a perfect table finds a name, whatever its case.
#include "core/http/header_list.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace edge {
namespace {

constexpr std::array<std::string_view, 49> kSpelling = {
    "",
    "Accept",
    "Accept-Encoding",
    "Accept-Ranges",
    "Age",
    "Allow",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "Date",
    "ETag",
    "Expect",
    "Expires",
    "Forwarded",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Range",
    "Referer",
    "Retry-After",
    "Server",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Vary",
    "Via",
    "X-Accel-Buffering",
    "X-Accel-Redirect",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Sendfile",
};
static_assert(kSpelling.size() == static_cast<std::size_t>(HeaderName::x_sendfile) + 1);

constexpr std::size_t kLongest = 24;  // room for the longest name, in words of eight bytes
constexpr std::size_t kSlots = 256;

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Upper and lower case letters give the same slot; equal slots of different names do not compile.
constexpr std::size_t slot_of(std::string_view name) {
  const auto folded = [name](std::size_t i) { return static_cast<std::size_t>(name[i] | 0x20); };
  return (name.size() * 184 + folded(0) * 228 + folded(name.size() - 1) * 126 + folded(name.size() / 2) * 35) % kSlots;
}

/// A name as it is compared: lower case, with a mask that drops the case bit of its letters only.
struct Known {
  std::array<char, kLongest> name{};
  std::array<char, kLongest> mask{};
  std::uint8_t size = 0;
  HeaderName id = HeaderName::other;
};

constexpr std::array<Known, kSlots> make_table() {
  std::array<Known, kSlots> table{};
  for (std::size_t i = 1; i < kSpelling.size(); ++i) {
    const std::string_view spelling = kSpelling[i];
    Known& known = table[slot_of(spelling)];
    if (known.size != 0) throw "two names in one slot: choose other factors in slot_of()";
    known.size = static_cast<std::uint8_t>(spelling.size());
    known.id = static_cast<HeaderName>(i);
    for (std::size_t at = 0; at < spelling.size(); ++at) {
      const bool letter = spelling[at] != '-';
      known.mask[at] = static_cast<char>(letter ? 0xdf : 0xff);
      known.name[at] = static_cast<char>(spelling[at] & known.mask[at]);
    }
  }
  return table;
}
constexpr std::array<Known, kSlots> kTable = make_table();

template <class Word>
bool equal_words(const char* text, const Known& known, std::size_t at) {
  Word given{};
  Word mask{};
  Word name{};
  std::memcpy(&given, text + at, sizeof(Word));
  std::memcpy(&mask, known.mask.data() + at, sizeof(Word));
  std::memcpy(&name, known.name.data() + at, sizeof(Word));
  return (given & mask) == name;
}

/// `text` has as many bytes as the known name. Whole words; the last one overlaps the one before.
bool equal(const char* text, const Known& known) {
  const std::size_t size = known.size;
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
      if (!equal_words<std::uint64_t>(text, known, at)) return false;
    }
    return equal_words<std::uint64_t>(text, known, size - 8);
  }
  if (size >= 4) return equal_words<std::uint32_t>(text, known, 0) && equal_words<std::uint32_t>(text, known, size - 4);
  for (std::size_t at = 0; at < size; ++at) {
    if ((text[at] & known.mask[at]) != known.name[at]) return false;
  }
  return true;
}

}  // namespace

HeaderName header_name(std::string_view name) {
  if (name.empty()) return HeaderName::other;
  const Known& known = kTable[slot_of(name)];
  return known.size == name.size() && equal(name.data(), known) ? known.id : HeaderName::other;
}

std::string_view header_spelling(HeaderName name) {
  return kSpelling[static_cast<std::size_t>(name)];
}

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a == b) return true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  const char* begin = text.data();
  const char* end = begin + text.size();
  while (begin != end && is_blank(*begin)) ++begin;
  while (begin != end && is_blank(end[-1])) --end;
  return {begin, end};
}

const HeaderField* HeaderList::find(std::string_view name) const {
  const HeaderName id = header_name(name);
  if (id != HeaderName::other) return find(id);
  if (!may_have(HeaderName::other)) return nullptr;
  for (const HeaderField& field : *this) {
    if (field.id == HeaderName::other && same_name(field.name, name)) return &field;
  }
  return nullptr;
}

void HeaderList::remove(HeaderName id) {
  if (!may_have(id)) return;
  own();
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (fields_[i].id != id) fields_[kept++] = fields_[i];
  }
  size_ = kept;
  names_.remove(id);
}

void HeaderList::remove(std::string_view name) {
  const HeaderName id = header_name(name);
  if (id != HeaderName::other) return remove(id);
  if (!find(name)) return;
  own();
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (fields_[i].id != id || !same_name(fields_[i].name, name)) fields_[kept++] = fields_[i];
  }
  size_ = kept;
}

bool list_has(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::string_view item = list.substr(0, list.find(','));
    if (same_name(trimmed(item), word)) return true;
    list.remove_prefix(std::min(item.size() + 1, list.size()));
  }
  return false;
}

std::optional<std::uint64_t> declared_length(const HeaderList& headers) {
  const std::string_view text = headers.get(HeaderName::content_length);
  std::uint64_t length = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), length);
  return failed == std::errc() && end == text.data() + text.size() ? std::optional(length) : std::nullopt;
}

}  // namespace edge
