// Bans as JSON, and the file that holds them.
#include "cmd/ban_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/net/tls_private_folder.h"

namespace edge {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFile = "bans.json";
constexpr Milliseconds kPatience{5'000};                   // for another edge that writes the file at this moment
constexpr std::size_t kMostBytes = std::size_t{1} << 30U;  // a million bans with the longest reasons

std::optional<Ban> parse_ban(const Json& json) {
  if (!json.is_object() || !json.contains("address") || !json["address"].is_string()) return std::nullopt;
  const Result<AddressRange> range = parse_address_range(json["address"].get<std::string>());
  if (!range) return std::nullopt;
  const auto number = [&json](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
  };
  Ban ban{.range = *range, .since = number("since"), .until = number("until"), .automatic = false, .why = {}};
  if (const auto automatic = json.find("automatic"); automatic != json.end() && automatic->is_boolean()) {
    ban.automatic = automatic->get<bool>();
  }
  if (const auto why = json.find("why"); why != json.end() && why->is_string()) {
    ban.why = why->get<std::string>().substr(0, kLongestReason);
  }
  return ban;
}

std::unexpected<Error> failed(std::string why) {
  return fail(ErrorKind::internal, Side::ours, std::move(why));
}

}  // namespace

std::string bans_text(const std::vector<Ban>& bans) {
  std::string text = "{\"bans\": [";
  for (const Ban& ban : bans) {
    const Json json = {{"address", ban.range.text()},
                       {"since", ban.since},
                       {"until", ban.until},
                       {"automatic", ban.automatic},
                       {"why", ban.why}};
    text += text.ends_with('[') ? "\n" : ",\n";
    text += json.dump(-1, ' ', true, Json::error_handler_t::replace);
  }
  return text + "\n]}\n";
}

Result<std::vector<Ban>> parse_bans(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("bans") || !json["bans"].is_array()) {
    return fail(ErrorKind::malformed, Side::ours, "it is no list of bans");
  }
  std::vector<Ban> bans;
  for (const Json& each : json["bans"]) {
    if (std::optional<Ban> ban = parse_ban(each)) bans.push_back(std::move(*ban));
  }
  return bans;
}

Result<std::vector<Ban>> read_ban_file(const std::string& folder) {
  const std::string path = folder + "/" + kFile;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (errno == ENOENT) return std::vector<Ban>();
    return failed(fmt::format("edge.state_dir: {}: {}", path, std::strerror(errno)));
  }
  file.seekg(0, std::ios::end);
  const auto size = file.tellg();
  std::string text;
  if (size > 0 && static_cast<std::size_t>(size) <= kMostBytes) {
    file.seekg(0);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  Result<std::vector<Ban>> bans = parse_bans(text);
  if (bans) return bans;
  const std::string aside = path + ".damaged";
  const bool moved = std::rename(path.c_str(), aside.c_str()) == 0;
  return fail(ErrorKind::malformed, Side::ours,
              fmt::format("{} holds no bans that can be read, so nobody is banned by it{}", path,
                          moved ? "; it is kept as " + aside : std::string()));
}

Result<void> write_ban_file(const std::string& folder, const std::vector<Ban>& bans) {
  const Result<PrivateFolder> held = PrivateFolder::take(folder, kPatience);
  const Result<void> written = held ? held->write(kFile, bans_text(bans)) : Result<void>(std::unexpected(held.error()));
  if (written) return {};
  return failed("edge.state_dir: " + written.error().context);
}

}  // namespace edge
