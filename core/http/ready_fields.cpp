// One block of lines, and the fields as views into it.
#include "core/http/ready_fields.h"

#include <cstring>

namespace edge {

namespace {

constexpr std::size_t kFraming = 4;  // ": " and the line end

char* put(char* to, std::string_view text) {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

ReadyFields::ReadyFields(std::span<const HeaderField> fields) {
  for (const HeaderField& field : fields) lines_size_ += field.name.size() + field.value.size() + kFraming;
  lines_ = std::make_unique_for_overwrite<char[]>(lines_size_);
  fields_.reserve(fields.size());
  char* at = lines_.get();
  for (const HeaderField& field : fields) {
    const char* const name = at;
    at = put(at, field.name);
    at = put(at, ": ");
    const char* const value = at;
    at = put(at, field.value);
    at = put(at, "\r\n");
    fields_.push_back({{name, field.name.size()}, {value, field.value.size()}, field.id});
    names_.add(field.id);
  }
}

LentFields ReadyFields::first(std::size_t count) const {
  const std::string_view last = fields_[count - 1].value;
  const auto size = static_cast<std::size_t>(last.data() + last.size() + 2 - lines_.get());
  return {fields_.data(), static_cast<std::uint32_t>(count), names_, {lines_.get(), size}};
}

}  // namespace edge
