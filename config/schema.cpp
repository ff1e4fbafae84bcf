// Looking things up in the schema, and how it words what it expects.
#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "config/values.h"

namespace edge::config {
namespace {

std::string number_text(std::uint64_t number) {
  return fmt::format("{}", number);
}

std::string expected_without_words(const Key& key) {
  switch (key.type) {
    case Type::text:
      return "text";
    case Type::path:
      return "a path";
    case Type::boolean:
      return "true or false";
    case Type::number:
      return "a number" + key.range();
    case Type::number_or_map:
      return fmt::format("a number{}, or a map", key.range());
    case Type::size:
      return fmt::format("a size{}, written like 512, 16k or 2M", key.range());
    case Type::duration:
      return fmt::format("a duration{}, written like 250ms, 30s, 5m or 1h", key.range());
    case Type::choice:
      return "one of";
    case Type::templated:
      return "text, which may hold $variables";
    case Type::texts:
      return "text or a list of texts";
    case Type::paths:
      return "a path or a list of paths";
    case Type::map:
      return "a map";
    case Type::maps:
      return "a list of maps";
    case Type::map_or_maps:
      return "a map or a list of maps";
    case Type::named_maps:
      return "a map from names to maps";
    case Type::text_map:
      return "a map from names to texts";
  }
  return {};
}

}  // namespace

std::vector<std::string_view> word_list(std::string_view words) {
  std::vector<std::string_view> result;
  while (!words.empty()) {
    const std::size_t comma = std::min(words.find(", "), words.size());
    result.push_back(words.substr(0, comma));
    words.remove_prefix(std::min(comma + 2, words.size()));
  }
  return result;
}

bool Key::has_word(std::string_view word) const {
  const std::vector<std::string_view> list = word_list(words);
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool Key::nullable() const {
  const bool holds_others = type == Type::texts || type == Type::paths || type == Type::map || type == Type::maps ||
                            type == Type::map_or_maps || type == Type::named_maps || type == Type::text_map;
  return preset == "~" || holds_others;
}

std::string Key::range() const {
  if (least == 0 && most == kUnlimited) return {};
  const auto written = type == Type::size ? size_text : type == Type::duration ? duration_text : number_text;
  return fmt::format(" from {} to {}", written(least), written(most));
}

std::string Key::or_words_text() const {
  const std::size_t last = words.rfind(", ");
  if (words.empty()) return {};
  if (last == std::string_view::npos) return fmt::format(" or {}", words);
  return fmt::format(", {} or {}", words.substr(0, last), words.substr(last + 2));
}

std::string Key::expected() const {
  const std::string base = expected_without_words(*this);
  return type == Type::choice ? fmt::format("{} {}", base, words) : base + or_words_text();
}

const Key* SectionSchema::find(std::string_view key) const {
  for (const std::span<const Key> part : keys) {
    for (const Key& candidate : part) {
      if (candidate.name == key) return &candidate;
    }
  }
  return nullptr;
}

std::vector<std::string_view> SectionSchema::names(bool only_built) const {
  std::vector<std::string_view> result;
  for (const std::span<const Key> part : keys) {
    for (const Key& key : part) {
      if (key.built || !only_built) result.push_back(key.name);
    }
  }
  return result;
}

std::span<const SectionSchema* const> all_sections() {
  static const std::vector<const SectionSchema*> sections = [] {
    std::vector<const SectionSchema*> all;
    for (const std::span<const SectionSchema> part :
         {process_sections(), access_sections(), limit_sections(), app_sections(), upstream_sections(), site_sections(),
          route_sections(), guard_sections()}) {
      for (const SectionSchema& section : part) all.push_back(&section);
    }
    return all;
  }();
  return sections;
}

const SectionSchema& section_schema(std::string_view name) {
  const auto sections = all_sections();
  const auto found = std::find_if(sections.begin(), sections.end(),
                                  [name](const SectionSchema* section) { return section->name == name; });
  assert(found != sections.end() && "the schema has no such section");
  return **found;
}

std::string sections_with(std::string_view key) {
  constexpr int kMostNamed = 3;
  std::string result;
  int named = 0;
  for (const SectionSchema* section : all_sections()) {
    const Key* found = section->built ? section->find(key) : nullptr;
    if (!found || !found->built || named == kMostNamed) continue;
    result += fmt::format("{}{}", named == 0 ? "" : " or ",
                          section->name.empty() ? "the top level" : fmt::format("`{}`", section->name));
    ++named;
  }
  return result;
}

}  // namespace edge::config
