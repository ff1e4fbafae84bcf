// The usual spelling in lower case, made once.
#include "core/http/h2_field_names.h"

#include <algorithm>
#include <cstdlib>
#include <type_traits>

namespace edge {

namespace {

constexpr std::size_t kRoom = 1024;  // for all names
using Names = std::remove_const_t<decltype(kH2FieldNames)>;

Names make_names() noexcept {
  static std::array<char, kRoom> letters;
  Names names;
  char* at = letters.data();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view spelling = header_spelling(static_cast<HeaderName>(i));
    if (letters.data() + kRoom - at < static_cast<std::ptrdiff_t>(spelling.size())) std::abort();
    names[i] = {at, spelling.size()};
    at = std::ranges::transform(spelling, at, [](char c) {
           return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
         }).out;
  }
  return names;
}

}  // namespace

const Names kH2FieldNames = make_names();

}  // namespace edge
