// Names of fields as HTTP/2 writes them.
#include "core/http/h2_field_names.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace edge;

TEST_CASE("h2 field names: the usual names without capital letters") {
  for (int i = 1; i <= static_cast<int>(HeaderName::x_sendfile); ++i) {
    const auto id = static_cast<HeaderName>(i);
    const std::string_view name = h2_field_name(id);
    CAPTURE(name);
    CHECK(same_name(name, header_spelling(id)));
    CHECK(header_name(name) == id);
    CHECK(std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }));
  }
  CHECK(h2_field_name(HeaderName::etag) == "etag");
  CHECK(h2_field_name(HeaderName::other).empty());
}
