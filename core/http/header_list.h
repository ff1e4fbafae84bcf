// HeaderList: header fields (RFC 9110 5) as one flat list of views, with the well-known names interned.
#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>

#include "core/arena.h"

namespace edge {

/// Names that edge itself acts upon; every other name is `other`.
enum class HeaderName : std::uint8_t {
  other,
  accept,
  accept_encoding,
  accept_ranges,
  age,
  allow,
  authorization,
  cache_control,
  connection,
  content_encoding,
  content_length,
  content_range,
  content_type,
  cookie,
  date,
  etag,
  expect,
  expires,
  forwarded,
  host,
  if_match,
  if_modified_since,
  if_none_match,
  if_range,
  if_unmodified_since,
  keep_alive,
  last_modified,
  location,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  range,
  referer,
  retry_after,
  server,
  set_cookie,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  vary,
  via,
  x_accel_buffering,
  x_accel_redirect,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_sendfile,
};

/// Case-insensitive lookup; `other` when `name` is not well known.
HeaderName header_name(std::string_view name);
/// The usual spelling ("Content-Type"); empty for `other`.
std::string_view header_spelling(HeaderName name);
/// ASCII case-insensitive equality.
bool same_name(std::string_view a, std::string_view b);
/// Without the spaces and tabs around it (RFC 9110 5.6.3).
std::string_view trimmed(std::string_view text);

struct HeaderField {
  std::string_view name;   // as it was spelled
  std::string_view value;  // without surrounding white space
  HeaderName id = HeaderName::other;
};

/// Grows in an arena; what was added stays alive as long as the arena. Moves are cheap, copies share the fields.
class HeaderList {
 public:
  explicit HeaderList(Arena& arena) : arena_(&arena) {}

  const HeaderField* begin() const { return fields_; }
  const HeaderField* end() const { return fields_ + size_; }
  std::size_t size() const { return size_; }
  const HeaderField& operator[](std::size_t i) const { return fields_[i]; }
  Arena& arena() const { return *arena_; }

  /// The views must live as long as the arena (string literals, the request's own buffer, Arena::copy()).
  void add(const HeaderField& field) {
    if (size_ == capacity_) grow();
    fields_[size_++] = field;
  }
  void add(HeaderName id, std::string_view value) { add({header_spelling(id), value, id}); }
  void add(std::string_view name, std::string_view value) { add({name, value, header_name(name)}); }

  /// The first field of that name, or nothing.
  const HeaderField* find(HeaderName id) const {
    for (const HeaderField& field : *this) {
      if (field.id == id) return &field;
    }
    return nullptr;
  }
  const HeaderField* find(std::string_view name) const;
  /// Its value, or empty.
  std::string_view get(HeaderName id) const {
    const HeaderField* field = find(id);
    return field ? field->value : std::string_view();
  }
  /// Removes every field of that name.
  void remove(HeaderName id);
  void remove(std::string_view name);
  /// Replaces every field of that name by one.
  void set(HeaderName id, std::string_view value) {
    remove(id);
    add(id, value);
  }
  /// Replaces the field at `i`, also in copies of this list that share it.
  void replace(std::size_t i, const HeaderField& field) { fields_[i] = field; }
  void clear() { size_ = 0; }

 private:
  void grow() {
    const std::uint32_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
    auto* fields = static_cast<HeaderField*>(arena_->allocate(capacity * sizeof(HeaderField)));
    for (std::uint32_t i = 0; i < size_; ++i) new (fields + i) HeaderField(fields_[i]);
    fields_ = fields;
    capacity_ = capacity;
  }

  HeaderField* fields_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  Arena* arena_;
};

/// Whether `word` is an item of a field's value that is a list (RFC 9110 5.6.1).
bool list_has(std::string_view list, std::string_view word);

/// What Content-Length says; nothing when that is no number or not there.
std::optional<std::uint64_t> declared_length(const HeaderList& headers);

}  // namespace edge
