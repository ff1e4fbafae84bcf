// Local time in text, kept by each thread for the second it belongs to.
#include "core/time_text.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <ctime>

namespace edge {
namespace {

constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Texts {
  std::int64_t of = -1;  // the second
  std::array<char, 64> local{};
  std::array<char, 64> iso8601{};
  std::size_t local_size = 0;
  std::size_t iso8601_size = 0;

  void refresh(std::int64_t unix_seconds) {
    const std::time_t seconds = unix_seconds;
    std::tm time{};
    if (!localtime_r(&seconds, &time)) gmtime_r(&seconds, &time);
    const long offset = std::labs(time.tm_gmtoff) / 60;
    const char sign = time.tm_gmtoff < 0 ? '-' : '+';
    const auto month = static_cast<std::size_t>(time.tm_mon);
    local_size = fmt::format_to_n(local.data(), local.size(), "{:02}/{}/{:04}:{:02}:{:02}:{:02} {}{:02}{:02}",
                                  time.tm_mday, kMonths[month], time.tm_year + 1900, time.tm_hour, time.tm_min,
                                  time.tm_sec, sign, offset / 60, offset % 60)
                     .size;
    iso8601_size = fmt::format_to_n(iso8601.data(), iso8601.size(), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{:02}:{:02}",
                                    time.tm_year + 1900, time.tm_mon + 1, time.tm_mday, time.tm_hour, time.tm_min,
                                    time.tm_sec, sign, offset / 60, offset % 60)
                       .size;
    of = unix_seconds;
  }
};

const Texts& texts_of(std::int64_t unix_seconds) {
  thread_local Texts texts;
  if (texts.of != unix_seconds) texts.refresh(unix_seconds);
  return texts;
}

}  // namespace

std::string_view time_local(std::int64_t unix_seconds) {
  const Texts& texts = texts_of(unix_seconds);
  return {texts.local.data(), texts.local_size};
}

std::string_view time_iso8601(std::int64_t unix_seconds) {
  const Texts& texts = texts_of(unix_seconds);
  return {texts.iso8601.data(), texts.iso8601_size};
}

}  // namespace edge
