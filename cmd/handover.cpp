// The handover as JSON, and the line that ends it.
#include "cmd/handover.h"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace edge {
namespace {

constexpr int kMostDescriptors = 1 << 20;

}  // namespace

std::string Handover::text() const {
  nlohmann::json described = nlohmann::json::array();
  for (const Part& part : parts) described.push_back({part.key, part.count});
  const nlohmann::json whole{{"from", from}, {"activated", activated}, {"parts", std::move(described)}};
  return whole.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::optional<Handover> Handover::parse(std::string_view text) {
  const nlohmann::json whole = nlohmann::json::parse(text, nullptr, false);
  Handover handover;
  try {
    whole.at("from").get_to(handover.from);
    whole.at("activated").get_to(handover.activated);
    for (const nlohmann::json& part : whole.at("parts")) {
      const auto count = part.at(1).get<std::int64_t>();
      if (count < 0 || count > kMostDescriptors) return std::nullopt;
      handover.parts.push_back({part.at(0).get<std::string>(), static_cast<std::size_t>(count)});
    }
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  const bool is_possible = handover.from > 0 && handover.activated >= 0 && handover.activated <= kMostDescriptors;
  return is_possible ? std::optional(std::move(handover)) : std::nullopt;
}

std::string Handover::ready_line(const std::vector<std::size_t>& taken) {
  std::string line(kReady);
  for (const std::size_t index : taken) line += ' ' + std::to_string(index);
  return line;
}

std::vector<std::size_t> Handover::taken_in(std::string_view line) {
  std::vector<std::size_t> taken;
  line.remove_prefix(kReady.size());
  while (!line.empty()) {
    line.remove_prefix(1);
    std::size_t index = 0;
    const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), index);
    if (failed != std::errc()) return taken;
    taken.push_back(index);
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  }
  return taken;
}

}  // namespace edge
