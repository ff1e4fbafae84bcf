// Media types, alone and with parameters.
#include "core/http/media_type.h"

#include <doctest/doctest.h>

#include <string_view>

TEST_CASE("a media type is two tokens") {
  for (const std::string_view type : {"text/css", "application/vnd.a+b-c_d.e", "A/B", "x/*"}) {
    CAPTURE(type);
    CHECK(edge::is_media_type(type));
    CHECK(edge::is_content_type(type));
  }
  for (const std::string_view text : {"", "/", "a", "a/", "/b", "a/b/c", "a b/c", "a/b c", "a/b,c/d", "a/\x01",
                                      "a/\"b\"", "a/\xc3\xa4", "foo;a=/b"}) {
    CAPTURE(text);
    CHECK_FALSE(edge::is_media_type(text));
    CHECK_FALSE(edge::is_content_type(text));
  }
}

TEST_CASE("parameters belong to a content type, not to a media type") {
  for (const std::string_view text : {"a/b;", "a/b;c=d", "a/b ; charset=\"x/y\""}) {
    CAPTURE(text);
    CHECK(edge::is_content_type(text));
    CHECK_FALSE(edge::is_media_type(text));
  }
  CHECK_FALSE(edge::is_content_type("a/b;c=d\r\nX: y"));
  CHECK_FALSE(edge::is_content_type("a/b;c=d, e/f"));
  CHECK_FALSE(edge::is_content_type(";a/b"));
}
