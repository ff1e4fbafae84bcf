// What the control socket says, as JSON and back. Both ways follow one list of fields.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cmd/control_target.h"
#include "core/result.h"

namespace edge {

/// JSON of several lines, which ends with a line break. Bytes that are no UTF-8 are replaced.
std::string json_text(const ServiceStatus& status);
std::string json_text(const ReloadReport& report);
std::string json_text(const SwapResult& result);
std::string json_text(const ReopenReport& report);
std::string json_text(const UpgradeReport& report);
std::string json_text(const BanReport& report);
std::string json_text(const BansReport& report);
std::string json_text(const nlohmann::ordered_json& document);

/// Unknown fields are passed over, missing ones and those of another type stay as they are by default, because the
/// edge that runs may be of another version. Error: the text is no JSON object.
Result<ServiceStatus> parse_status(std::string_view text);
Result<ReloadReport> parse_reload_report(std::string_view text);
Result<SwapResult> parse_swap_result(std::string_view text);
Result<ReopenReport> parse_reopen_report(std::string_view text);
Result<UpgradeReport> parse_upgrade_report(std::string_view text);
Result<BanReport> parse_ban_report(std::string_view text);
Result<BansReport> parse_bans_report(std::string_view text);
/// The member `error` of an object, or nothing.
std::string parse_error_text(std::string_view text);

}  // namespace edge
