// HTTP dates: known moments both ways, every day of nine centuries, and what is refused.
#include "core/http/date.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <ctime>
#include <string>

using edge::format_http_date;
using edge::kHttpDateSize;
using edge::parse_http_date;

namespace {

constexpr std::int64_t kSample = 784'111'777;  // RFC 9110's example
constexpr std::int64_t kYear2026 = 1'780'000'000;

std::string formatted(std::int64_t seconds) {
  std::string text(kHttpDateSize + 1, '#');
  format_http_date(seconds, text.data());
  CHECK(text.back() == '#');
  text.pop_back();
  return text;
}

}  // namespace

TEST_CASE("date: known moments are written") {
  CHECK(formatted(kSample) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(formatted(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(formatted(-1) == "Wed, 31 Dec 1969 23:59:59 GMT");
  CHECK(formatted(951'782'400) == "Tue, 29 Feb 2000 00:00:00 GMT");
  CHECK(formatted(4'107'542'399) == "Sun, 28 Feb 2100 23:59:59 GMT");
  CHECK(formatted(4'107'542'400) == "Mon, 01 Mar 2100 00:00:00 GMT");
}

TEST_CASE("date: what has no four-digit year is written as the nearest that has") {
  CHECK(formatted(INT64_MAX) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(formatted(INT64_MIN) == "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST_CASE("date: agrees with the C library and reads back what it wrote") {
  for (std::int64_t day = -130'000; day < 200'000; ++day) {
    const std::int64_t seconds = day * 86'400 + (day & 0xffff);
    const std::time_t as_time = seconds;
    std::tm parts{};
    gmtime_r(&as_time, &parts);
    char expected[40];
    strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    const std::string text = formatted(seconds);
    REQUIRE(text == expected);
    REQUIRE(parse_http_date(text) == seconds);
  }
}

TEST_CASE("date: the two obsolete forms are read") {
  CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", kYear2026) == kSample);
  CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == kSample);
  CHECK(parse_http_date("Wed Nov 16 08:49:37 1994") == kSample + 10 * 86'400);
}

TEST_CASE("date: two digits of a year mean at most fifty years ahead") {
  const auto of = [](const char* text) {
    return parse_http_date(text, *parse_http_date("Wed, 10 Jun 2026 12:00:00 GMT"));
  };
  CHECK(of("Monday, 01-Jan-26 00:00:00 GMT") == parse_http_date("Thu, 01 Jan 2026 00:00:00 GMT"));
  CHECK(of("Monday, 10-Jun-76 12:00:00 GMT") == parse_http_date("Wed, 10 Jun 2076 12:00:00 GMT"));
  CHECK(of("Monday, 10-Jun-76 12:00:01 GMT") == parse_http_date("Thu, 10 Jun 1976 12:00:01 GMT"));
  CHECK(of("Monday, 01-Jan-99 00:00:00 GMT") == parse_http_date("Fri, 01 Jan 1999 00:00:00 GMT"));
  const auto late = [](const char* text) {
    return parse_http_date(text, *parse_http_date("Wed, 10 Jun 2076 12:00:00 GMT"));
  };
  CHECK(late("Monday, 01-Jan-10 00:00:00 GMT") == parse_http_date("Fri, 01 Jan 2110 00:00:00 GMT"));
}

TEST_CASE("date: a leap second is the next minute's first") {
  CHECK(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == 1'483'228'800);
}

TEST_CASE("date: anything else is refused") {
  for (const char* text : {
           "",
           "Sun",
           "Sun,",
           "Sun, 06 Nov 1994 08:49:37",
           "Sun, 06 Nov 1994 08:49:37 UTC",
           "Sun, 06 Nov 1994 08:49:37 GMT ",
           " Sun, 06 Nov 1994 08:49:37 GMT",
           "Sun, 6 Nov 1994 08:49:37 GMT",
           "sun, 06 Nov 1994 08:49:37 GMT",
           "Sun, 06 nov 1994 08:49:37 GMT",
           "Xyz, 06 Nov 1994 08:49:37 GMT",
           "Sun, 00 Nov 1994 08:49:37 GMT",
           "Sun, 31 Nov 1994 08:49:37 GMT",
           "Sun, 29 Feb 2100 08:49:37 GMT",
           "Sun, 06 Nov 1994 24:00:00 GMT",
           "Sun, 06 Nov 1994 08:60:37 GMT",
           "Sun, 06 Nov 1994 08:49:61 GMT",
           "Sun, 06 Nov 1994 08-49-37 GMT",
           "Sun, -6 Nov 1994 08:49:37 GMT",
           "Sun,  6 Nov 1994 08:49:37 GMT",
           "Sunday, 06-Nov-1994 08:49:37 GMT",
           "Sun, 06-Nov-94 08:49:37 GMT",
           "Sunday, 06 Nov 94 08:49:37 GMT",
           "Sunday, 31-Feb-94 08:49:37 GMT",
           "Sun Nov 6 08:49:37 1994",
           "Sun Nov  6 08:49:37 94",
           "Sun Nov  6 08:49:37 1994 GMT",
           "784111777",
       }) {
    CAPTURE(text);
    CHECK_FALSE(parse_http_date(text).has_value());
  }
}
