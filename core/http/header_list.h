// HeaderList: header fields (RFC 9110 5) as one flat list of views, with the well-known names interned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
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

/// A set of well-known names; `other` stands for all that are not.
class HeaderNames {
 public:
  constexpr HeaderNames() = default;
  constexpr HeaderNames(HeaderName name) : bits_(std::uint64_t{1} << static_cast<unsigned>(name)) {}
  constexpr HeaderNames(std::initializer_list<HeaderName> names) {
    for (const HeaderName name : names) add(name);
  }
  constexpr void add(HeaderName name) { bits_ |= HeaderNames(name).bits_; }
  constexpr void remove(HeaderName name) { bits_ &= ~HeaderNames(name).bits_; }
  constexpr bool has_any(HeaderNames of) const { return (bits_ & of.bits_) != 0; }

 private:
  static_assert(static_cast<unsigned>(HeaderName::x_sendfile) < 64);
  std::uint64_t bits_ = 0;
};

/// Fields that many answers begin with (core/http/ready_fields.h).
struct LentFields {
  const HeaderField* fields;
  std::uint32_t size;
  HeaderNames names;
  std::string_view lines;  // as they go over the wire in HTTP/1, each with its line end
};

/// Grows in an arena; what was added stays alive as long as the arena. Moves are cheap, copies share the fields.
class HeaderList {
 public:
  explicit HeaderList(Arena& arena) : arena_(&arena) {}
  /// Begins with fields that belong to somebody else and outlive the arena's contents; they are copied only if one of
  /// them has to change.
  HeaderList(Arena& arena, const LentFields& lent)
      : fields_(const_cast<HeaderField*>(lent.fields)),  // own() comes before every write
        size_(lent.size),
        capacity_(lent.size),
        names_(lent.names),
        ready_(lent.size),
        lent_(true),
        lines_(lent.lines),
        arena_(&arena) {}

  const HeaderField* begin() const { return fields_; }
  const HeaderField* end() const { return fields_ + size_; }
  std::size_t size() const { return size_; }
  const HeaderField& operator[](std::size_t i) const { return fields_[i]; }
  Arena& arena() const { return *arena_; }

  /// False: none of these is in the list. A name that was removed may count as there.
  bool may_have(HeaderNames names) const { return names_.has_any(names); }
  /// The lines of the fields in front of behind_ready(); empty when that is begin().
  std::string_view ready_lines() const { return lines_; }
  const HeaderField* behind_ready() const { return fields_ + ready_; }

  /// The views must live as long as the arena (string literals, the request's own buffer, Arena::copy()).
  void add(const HeaderField& field) {
    if (size_ == capacity_) grow(std::max(std::uint32_t{16}, capacity_ * 2));
    fields_[size_++] = field;
    names_.add(field.id);
  }
  void add(HeaderName id, std::string_view value) { add({header_spelling(id), value, id}); }
  void add(std::string_view name, std::string_view value) { add({name, value, header_name(name)}); }

  /// The first field of that name, or nothing.
  const HeaderField* find(HeaderName id) const {
    if (!may_have(id)) return nullptr;
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
  /// Replaces the field at `i` by another of its name, also in copies of this list that share it.
  void replace(std::size_t i, const HeaderField& field) {
    own();
    fields_[i] = field;
    names_.add(field.id);
  }
  void clear() {
    own();
    size_ = 0;
    names_ = {};
  }

 private:
  /// Before anything but an addition: the fields are this list's, and their lines are not ready any more.
  void own() {
    if (lent_) grow(capacity_);
    ready_ = 0;
    lines_ = {};
  }
  void grow(std::uint32_t capacity) {
    auto* fields = static_cast<HeaderField*>(arena_->allocate(capacity * sizeof(HeaderField)));
    for (std::uint32_t i = 0; i < size_; ++i) new (fields + i) HeaderField(fields_[i]);
    fields_ = fields;
    capacity_ = capacity;
    lent_ = false;
  }

  HeaderField* fields_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  HeaderNames names_;
  std::uint32_t ready_ = 0;  // fields, whose lines are lines_
  bool lent_ = false;
  std::string_view lines_;
  Arena* arena_;
};

/// Whether `word` is an item of a field's value that is a list (RFC 9110 5.6.1).
bool list_has(std::string_view list, std::string_view word);

/// What Content-Length says; nothing when that is no number or not there.
std::optional<std::uint64_t> declared_length(const HeaderList& headers);

}  // namespace edge
