// Setting, lifting and showing bans.
#include "cmd/ban_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "cmd/ban_query.h"
#include "cmd/control_json.h"
#include "cmd/exit_code.h"
#include "cmd/human_text.h"
#include "config/values.h"
#include "core/time_text.h"

namespace edge {

namespace {

/// Nothing after saying what is wrong.
std::optional<BanOrder> order_of(const BanWords& words) {
  BanOrder order;
  const Result<AddressRange> range = parse_address_range(words.address);
  if (!range) {
    print_error(printable(range.error().context));
    return std::nullopt;
  }
  order.range = *range;
  order.why = words.why;
  if (words.duration.empty()) return order;
  const std::optional<std::uint64_t> duration = config::parse_duration(words.duration);
  if (!duration || *duration == 0) {
    print_error(fmt::format("--for: \"{}\" is no duration; expected one such as 30s, 5m, 1h or 30d",
                            printable(words.duration)));
    return std::nullopt;
  }
  order.duration = Milliseconds(*duration);
  return order;
}

int tell(const ControlAnswer& answer, std::string_view what) {
  const Result<BanReport> report = parse_ban_report(answer.body);
  if (!report) return not_understood(report.error());
  if (!report->ok) {
    print_error(printable(report->error));
    return kExitFailed;
  }
  fmt::print("{} {}\n", printable(report->address), what);
  if (!report->note.empty()) print_error(printable(report->note));
  return kExitOk;
}

}  // namespace

int ban_command(const ControlOptions& options, const BanWords& words) {
  const std::optional<BanOrder> order = order_of(words);
  if (!order) return kExitConfiguration;
  int status = kExitOk;
  const std::optional<ControlAnswer> answer = asked(options, "POST", "/ban?" + ban_query(*order), kPatience, status);
  if (!answer) return status;
  return tell(*answer, order->duration.count() == 0 ? "is banned until it is lifted"
                                                    : fmt::format("is banned for {}", words.duration));
}

int unban_command(const ControlOptions& options, const std::string& address) {
  const std::optional<BanOrder> order = order_of({address, {}, {}});
  if (!order) return kExitConfiguration;
  int status = kExitOk;
  const std::optional<ControlAnswer> answer = asked(options, "POST", "/unban?" + ban_query(*order), kPatience, status);
  if (!answer) return status;
  return tell(*answer, "is not banned any more");
}

int bans_command(const ControlOptions& options, bool json) {
  int status = kExitOk;
  const std::optional<ControlAnswer> answer = asked(options, "GET", "/bans", kPatience, status);
  if (!answer) return status;
  const Result<BansReport> report = parse_bans_report(answer->body);
  if (!report) return not_understood(report.error());
  const std::string text = json ? answer->body : bans_table(*report, std::time(nullptr));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

std::string bans_table(const BansReport& report, std::int64_t now) {
  std::string text = fmt::format("{} of {} bans, {}\n", report.total, report.most,
                                 report.kept_in.empty() ? "kept in memory only (edge.state_dir keeps them)"
                                                        : "kept in " + printable(report.kept_in));
  for (const BanEntry& ban : report.bans) {
    const std::int64_t left = std::max<std::int64_t>(ban.until - now, 0);
    text += fmt::format("{:<43} since {}  {:<12} {}{}\n", printable(ban.address), time_iso8601(ban.since),
                        ban.until == 0 ? "until lifted" : human_time(static_cast<std::uint64_t>(left) * 1000) + " left",
                        ban.automatic ? "automatic: " : "", printable(ban.why));
  }
  if (report.bans.size() < report.total) text += fmt::format("and {} more\n", report.total - report.bans.size());
  return text;
}

}  // namespace edge
