// HTTP dates in and out, in the proleptic Gregorian calendar and without the C library's locale.
#include "core/http/date.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

namespace edge {

namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kFirst = -62'167'219'200;  // 0000-01-01: the form has four digits for the year
constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31 23:59:59

constexpr std::array<std::string_view, 7> kWeekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongWeekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                        "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Moment {
  int year = 0;
  int month = 0;  // 1 … 12
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;  // 60: a leap second
};

constexpr bool is_leap(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr int days_in_month(int year, int month) {
  constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

// Counting years from March puts the leap day at the end of the year, so that month lengths repeat in fives.
constexpr std::int64_t kDaysOfEra = 146'097;        // 400 years
constexpr std::int64_t kDaysBeforeEpoch = 719'468;  // from 0000-03-01 to 1970-01-01

constexpr std::int64_t days_since_epoch(const Moment& moment) {
  const std::int64_t year = moment.year - (moment.month <= 2 ? 1 : 0);
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month_from_march = (moment.month + 9) % 12;
  const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + moment.day - 1;
  return era * kDaysOfEra + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - kDaysBeforeEpoch;
}

constexpr Moment civil_date(std::int64_t days) {
  days += kDaysBeforeEpoch;
  const std::int64_t era = (days >= 0 ? days : days - (kDaysOfEra - 1)) / kDaysOfEra;
  const std::int64_t day_of_era = days - era * kDaysOfEra;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  Moment moment;
  moment.day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  moment.month = static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  moment.year = static_cast<int>(year_of_era + era * 400 + (moment.month <= 2 ? 1 : 0));
  return moment;
}

std::int64_t unix_seconds(const Moment& moment) {
  return days_since_epoch(moment) * kDay + moment.hour * 3'600 + moment.minute * 60 + moment.second;
}

void put_two(char* to, int number) {
  to[0] = static_cast<char>('0' + number / 10);
  to[1] = static_cast<char>('0' + number % 10);
}

/// Takes a date apart from left to right; once something did not fit, failed() is true.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    if (!rest_.starts_with(expected)) return fail();
    rest_.remove_prefix(expected.size());
  }
  int digits(std::size_t count) {
    if (rest_.size() < count) return fail(), 0;
    int number = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return fail(), 0;
      number = number * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return number;
  }
  /// Two digits, or a space and one: asctime's day.
  int padded_day() {
    if (!rest_.starts_with(' ')) return digits(2);
    rest_.remove_prefix(1);
    return digits(1);
  }
  /// The number of the name that stands here, from 1.
  template <std::size_t N>
  int name(const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; i < N; ++i) {
      if (!rest_.starts_with(names[i])) continue;
      rest_.remove_prefix(names[i].size());
      return static_cast<int>(i) + 1;
    }
    return fail(), 0;
  }
  void time(Moment& moment) {
    moment.hour = digits(2);
    literal(":");
    moment.minute = digits(2);
    literal(":");
    moment.second = digits(2);
  }
  bool failed() const { return failed_ || !rest_.empty(); }

 private:
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  std::string_view rest_;
  bool failed_ = false;
};

bool is_valid(const Moment& moment) {
  return moment.day >= 1 && moment.day <= days_in_month(moment.year, moment.month) && moment.hour <= 23 &&
         moment.minute <= 59 && moment.second <= 60;
}

std::optional<std::int64_t> parse_fixdate(std::string_view text) {
  Reader reader(text);
  Moment moment;
  reader.name(kWeekdays);
  reader.literal(", ");
  moment.day = reader.digits(2);
  reader.literal(" ");
  moment.month = reader.name(kMonths);
  reader.literal(" ");
  moment.year = reader.digits(4);
  reader.literal(" ");
  reader.time(moment);
  reader.literal(" GMT");
  if (reader.failed() || !is_valid(moment)) return std::nullopt;
  return unix_seconds(moment);
}

std::optional<std::int64_t> parse_rfc850(std::string_view text, std::int64_t now) {
  Reader reader(text);
  Moment moment;
  reader.name(kLongWeekdays);
  reader.literal(", ");
  moment.day = reader.digits(2);
  reader.literal("-");
  moment.month = reader.name(kMonths);
  reader.literal("-");
  const int year_of_century = reader.digits(2);
  reader.literal(" ");
  reader.time(moment);
  reader.literal(" GMT");
  if (reader.failed()) return std::nullopt;

  const Moment today = civil_date(now / kDay);
  moment.year = today.year - today.year % 100 + 100 + year_of_century;
  Moment horizon = today;
  horizon.year += 50;
  const std::int64_t last = unix_seconds(horizon) + now % kDay;
  while (unix_seconds(moment) > last) moment.year -= 100;
  if (!is_valid(moment)) return std::nullopt;
  return unix_seconds(moment);
}

std::optional<std::int64_t> parse_asctime(std::string_view text) {
  Reader reader(text);
  Moment moment;
  reader.name(kWeekdays);
  reader.literal(" ");
  moment.month = reader.name(kMonths);
  reader.literal(" ");
  moment.day = reader.padded_day();
  reader.literal(" ");
  reader.time(moment);
  reader.literal(" ");
  moment.year = reader.digits(4);
  if (reader.failed() || !is_valid(moment)) return std::nullopt;
  return unix_seconds(moment);
}

}  // namespace

void format_http_date(std::int64_t seconds, char* to) {
  seconds = std::clamp(seconds, kFirst, kLast);
  const std::int64_t days = (seconds >= 0 ? seconds : seconds - (kDay - 1)) / kDay;
  const int second_of_day = static_cast<int>(seconds - days * kDay);
  const Moment date = civil_date(days);
  const auto weekday = static_cast<std::size_t>(((days + 4) % 7 + 7) % 7);  // 1970-01-01 was a Thursday

  std::memcpy(to, "Sun, 00 Jan 0000 00:00:00 GMT", kHttpDateSize);
  std::memcpy(to, kWeekdays[weekday].data(), 3);
  put_two(to + 5, date.day);
  std::memcpy(to + 8, kMonths[static_cast<std::size_t>(date.month - 1)].data(), 3);
  put_two(to + 12, date.year / 100);
  put_two(to + 14, date.year % 100);
  put_two(to + 17, second_of_day / 3'600);
  put_two(to + 20, second_of_day / 60 % 60);
  put_two(to + 23, second_of_day % 60);
}

std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now) {
  if (text.size() < 5) return std::nullopt;
  if (text[3] == ',') return parse_fixdate(text);
  if (text[3] == ' ') return parse_asctime(text);
  return parse_rfc850(text, now);
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  return parse_http_date(text, std::time(nullptr));
}

}  // namespace edge
