// The error log: form of a line, levels, hostile text.
#include "core/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <regex>
#include <string>

#include "core/unique_fd.h"
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

TEST_CASE("errors, and they alone, are copied to a descriptor until it takes no more or is replaced") {
  CapturedLog captured(LogLevel::info);
  int ends[2];
  REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
  const UniqueFd heard(ends[0]);
  const UniqueFd told(ends[1]);
  log::copy_errors_to(told.get());
  log::warn("not this");
  log::error("this\nand its second line");
  char text[32 * 1024];
  ssize_t size = ::read(heard.get(), text, sizeof text);
  REQUIRE(size > 0);
  const std::string copied(text, static_cast<std::size_t>(size));
  CHECK(copied.ends_with(" error this\n  | and its second line\n"));
  CHECK(copied.find("not this") == std::string::npos);
  for (int i = 0; i < 100; ++i) log::error("{}", std::string(1000, 'x'));
  size = ::read(heard.get(), text, sizeof text);
  CHECK(size + static_cast<ssize_t>(copied.size()) == 16 * 1024);
  log::copy_errors_to(told.get());
  log::copy_errors_to(-1);
  log::error("nobody listens");
  CHECK(::read(heard.get(), text, sizeof text) < 0);
}
