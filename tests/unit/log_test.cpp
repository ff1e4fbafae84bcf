// The error log: form of a line, levels, hostile text.
#include "core/log.h"

#include <doctest/doctest.h>

#include <regex>
#include <string>

#include "support/captured_log.h"

using namespace edge;
using edge::test::CapturedLog;

namespace {

/// The log's lines without their times, which must be there.
std::string untimed(CapturedLog& captured) {
  static const std::regex time(R"((^|\n)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )");
  return std::regex_replace(captured.text(), time, "$1");
}

}  // namespace

TEST_CASE("a line has its time in UTC, its level and its text") {
  CapturedLog captured(LogLevel::debug);
  log::debug("four {}", 4);
  log::info("three");
  log::warn("two");
  log::error("one");
  CHECK(untimed(captured) == "debug four 4\ninfo three\nwarn two\nerror one\n");
}

TEST_CASE("lines below the level are left out, whichever way they come") {
  CapturedLog captured(LogLevel::warn);
  log::info("not me");
  log::line(LogLevel::debug, "nor me");
  log::warn("me");
  CHECK(untimed(captured) == "warn me\n");
  CHECK(log::level() == LogLevel::warn);
}

TEST_CASE("a newline continues the line, and cannot begin one that looks like another") {
  CapturedLog captured(LogLevel::info);
  log::error("Traceback:\n  File \"x\"\n\nEnd\n");
  CHECK(untimed(captured) == "error Traceback:\n  |   File \"x\"\n  | \n  | End\n");
}

TEST_CASE("control bytes are escaped") {
  CapturedLog captured(LogLevel::info);
  log::line(LogLevel::info, std::string_view("a\x1b[31m\r\0b caf\xc3\xa9 \xff", 17));
  log::line(LogLevel::info, "");
  CHECK(untimed(captured) == "info a\\x1B[31m\\x0D\\x00b caf\xc3\xa9 \\xFF\ninfo \n");
}
