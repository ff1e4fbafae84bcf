// Local time in logs: both forms, offsets east and west, the change of second.
#include "core/time_text.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

using namespace edge;

namespace {

constexpr std::int64_t kMoment = 1'795'258'500;  // 2026-11-21 10:55:00 UTC

struct Texts {
  std::string local;
  std::string iso8601;
};

/// On a thread of its own: a thread keeps what it made for a second.
Texts in_zone(const char* zone, std::int64_t seconds) {
  const char* const before = std::getenv("TZ");
  const std::string kept = before ? before : "";
  setenv("TZ", zone, 1);
  tzset();
  Texts texts;
  std::jthread([&] { texts = {std::string(time_local(seconds)), std::string(time_iso8601(seconds))}; }).join();
  before ? setenv("TZ", kept.c_str(), 1) : unsetenv("TZ");
  tzset();
  return texts;
}

}  // namespace

TEST_CASE("time is written in the local zone, with its offset") {
  const Texts utc = in_zone("UTC0", kMoment);
  CHECK(utc.local == "21/Nov/2026:10:55:00 +0000");
  CHECK(utc.iso8601 == "2026-11-21T10:55:00+00:00");
  const Texts east = in_zone("EAST-5:30", kMoment);
  CHECK(east.local == "21/Nov/2026:16:25:00 +0530");
  CHECK(east.iso8601 == "2026-11-21T16:25:00+05:30");
  const Texts west = in_zone("WEST3:30", kMoment);
  CHECK(west.local == "21/Nov/2026:07:25:00 -0330");
  CHECK(west.iso8601 == "2026-11-21T07:25:00-03:30");
}

TEST_CASE("another second gives another text") {
  const std::string first(time_iso8601(kMoment));
  CHECK(first != time_iso8601(kMoment + 1));
  CHECK(first == time_iso8601(kMoment));
}
