// The usual spelling in lower case, made once.
#include "core/http/h2_field_names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string>

namespace edge {

namespace {

using Names = std::array<std::string, static_cast<std::size_t>(HeaderName::x_sendfile) + 1>;

const Names& names() {
  static const Names* const made = [] {
    auto* const lower = new Names();  // never freed: an answer may leave as late as the process
    for (std::size_t i = 0; i < lower->size(); ++i) {
      const std::string_view spelling = header_spelling(static_cast<HeaderName>(i));
      std::ranges::transform(spelling, std::back_inserter((*lower)[i]),
                             [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    }
    return lower;
  }();
  return *made;
}

}  // namespace

std::string_view h2_field_name(HeaderName id) {
  return names()[static_cast<std::size_t>(id)];
}

}  // namespace edge
