// error_page_for: ranges, and which of several holds.
#include "core/filters/error_page.h"

#include <doctest/doctest.h>

#include <vector>

using namespace edge;

TEST_CASE("a status finds the page whose range holds it") {
  const std::vector<ErrorPage> pages = {{404, 404, "/404.html"}, {500, 504, "/50x.html"}};
  CHECK(error_page_for(pages, 404)->path == "/404.html");
  CHECK(error_page_for(pages, 500)->path == "/50x.html");
  CHECK(error_page_for(pages, 504)->path == "/50x.html");
  CHECK(error_page_for(pages, 505) == nullptr);
  CHECK(error_page_for(pages, 200) == nullptr);
  CHECK(error_page_for({}, 404) == nullptr);
}

TEST_CASE("the narrowest range holds, then the first") {
  const std::vector<ErrorPage> pages = {
      {400, 599, "/any.html"}, {500, 504, "/50x.html"}, {503, 503, "/busy.html"}, {503, 503, "/late.html"}};
  CHECK(error_page_for(pages, 503)->path == "/busy.html");
  CHECK(error_page_for(pages, 502)->path == "/50x.html");
  CHECK(error_page_for(pages, 404)->path == "/any.html");
}
