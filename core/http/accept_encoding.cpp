// Reading Accept-Encoding without memory: a weight for each coding that edge speaks, and one for the rest.
#include "core/http/accept_encoding.h"

#include <algorithm>
#include <array>

#include "core/http/weight.h"

namespace edge {
namespace {

constexpr std::array<std::string_view, kCodings> kNames = {"identity", "gzip", "br", "zstd"};

/// In thousandths; nothing: not mentioned.
using Weight = std::optional<int>;

/// What the fields say.
struct Wishes {
  std::array<Weight, kCodings> of{};
  Weight others;  // "*"
  std::size_t elements = 0;
};

/// The weight behind the name: 1 when none is given.
Weight weight_of(std::string_view parameter) {
  if (!parameter.starts_with(';')) return parameter.empty() ? Weight(kMostWeight) : std::nullopt;
  parameter = trimmed(parameter.substr(1));
  if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) return std::nullopt;
  return parse_weight(parameter.substr(2));
}

void lower_to(Weight& weight, int given) {
  weight = std::min(weight.value_or(given), given);
}

void read_element(std::string_view element, Wishes& wishes) {
  const std::size_t semicolon = std::min(element.find(';'), element.size());
  const std::string_view name = trimmed(element.substr(0, semicolon));
  const Weight weight = weight_of(element.substr(semicolon));
  if (!weight) return;
  if (name == "*") return lower_to(wishes.others, *weight);
  if (const std::optional<Coding> coding = coding_of(name)) {
    lower_to(wishes.of[static_cast<std::size_t>(*coding)], *weight);
  }
}

void read_field(std::string_view value, Wishes& wishes) {
  while (!value.empty() && wishes.elements < kMostElements) {
    const std::size_t comma = std::min(value.find(','), value.size());
    const std::string_view element = trimmed(value.substr(0, comma));
    value.remove_prefix(std::min(comma + 1, value.size()));
    if (element.empty()) continue;  // a list may have empty elements (RFC 9110 5.6.1.2)
    ++wishes.elements;
    read_element(element, wishes);
  }
}

int weight_for(const Wishes& wishes, Coding coding) {
  if (const Weight weight = wishes.of[static_cast<std::size_t>(coding)]) return *weight;
  return wishes.others.value_or(0);
}

}  // namespace

std::string_view coding_name(Coding coding) {
  return kNames[static_cast<std::size_t>(coding)];
}

std::optional<Coding> coding_of(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (same_name(name, kNames[i])) return static_cast<Coding>(i);
  }
  return same_name(name, "x-gzip") ? std::optional(Coding::gzip) : std::nullopt;
}

std::optional<Coding> choose_coding(const HeaderList& request, std::span<const Coding> available) {
  Wishes wishes;
  for (const HeaderField& field : request) {
    if (field.id == HeaderName::accept_encoding) read_field(field.value, wishes);
  }
  std::optional<Coding> best;
  int most = 0;
  for (const Coding coding : available) {
    const int weight = coding == Coding::identity ? 0 : weight_for(wishes, coding);
    if (weight <= most) continue;
    best = coding;
    most = weight;
  }
  const bool mentioned = wishes.of[0] || wishes.others;
  if (const int plain = weight_for(wishes, Coding::identity); plain > most || (!mentioned && !best)) {
    return Coding::identity;
  }
  return best;
}

}  // namespace edge
