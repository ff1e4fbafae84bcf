// The file in which bans outlive edge: bans.json in edge.state_dir.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/ban_list.h"
#include "core/result.h"

namespace edge {

inline constexpr std::size_t kLongestReason = 200;  // bytes

/// JSON, a ban a line.
std::string bans_text(const std::vector<Ban>& bans);
/// Malformed: it is no such document. What is wrong with a single ban leaves that one out.
Result<std::vector<Ban>> parse_bans(std::string_view text);

// Blocking.

/// None where there is no file. A file that cannot be understood is moved aside, as bans.json.damaged, and the error
/// says so; the next write begins anew.
Result<std::vector<Ban>> read_ban_file(const std::string& folder);
/// Replaces the file as a whole. The folder is made when it is missing, and is closed to others.
Result<void> write_ban_file(const std::string& folder, const std::vector<Ban>& bans);

}  // namespace edge
