// The schema: every key of the configuration, in one table that drives the checks, the messages and the reference.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace edge::config {

enum class Type : std::uint8_t {
  text,
  path,  // relative to the file that names it
  boolean,
  number,
  number_or_map,  // a number, or a section of its own
  size,           // bytes
  duration,       // milliseconds
  choice,         // one of `words`
  templated,      // text with $variables
  texts,          // a list of texts, or one
  paths,          // a list of paths, or one
  map,            // a section of its own
  maps,           // a list of sections
  map_or_maps,    // one or a list of them
  named_maps,     // a map from names to sections
  text_map,       // a map from names to texts
};

inline constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
inline constexpr std::uint64_t kMostTime = 365ULL * 24 * 60 * 60 * 1000;  // a year in milliseconds

/// One key. `preset` is its value when it is left out, as it would be written: "~" for none, empty when it must be
/// given. A key that is not built may be given with that value, since this asks for nothing.
struct Key {
  std::string_view name;
  Type type = Type::text;
  std::string_view preset;
  std::string_view doc;     // Markdown, one line
  std::uint64_t least = 0;  // of numbers, sizes and durations
  std::uint64_t most = kUnlimited;
  std::string_view words{};        // choices separated by ", "; for other types words taken besides
  std::string_view later_words{};  // choices that are not built yet
  bool built = true;

  constexpr Key between(std::uint64_t from, std::uint64_t to) const {
    Key key = *this;
    key.least = from;
    key.most = to;
    return key;
  }
  constexpr Key or_words(std::string_view also) const {
    Key key = *this;
    key.words = also;
    return key;
  }
  constexpr Key of(std::string_view choices, std::string_view later = {}) const {
    Key key = or_words(choices);
    key.later_words = later;
    return key;
  }
  constexpr Key later() const {
    Key key = *this;
    key.built = false;
    return key;
  }

  bool has_word(std::string_view word) const;
  /// Null asks for the preset: for what has no value of its own, and for whatever holds others.
  bool nullable() const;
  /// " from 1 to 1024", or nothing when any amount will do.
  std::string range() const;
  /// ", stdout or stderr": the words, as they follow the description of the type.
  std::string or_words_text() const;
  /// "a number from 1 to 1024 or auto"
  std::string expected() const;
};

struct SectionSchema {
  std::string_view name;  // "apps.NAME", "sites[].routes[]"; empty: the top level
  std::string_view doc;
  std::array<std::span<const Key>, 6> keys;  // its own, then those shared with other sections
  bool built = true;

  const Key* find(std::string_view key) const;
  std::vector<std::string_view> names(bool only_built) const;
};

/// The parts of "stdout, stderr".
std::vector<std::string_view> word_list(std::string_view words);

/// All of them, in the order of the reference.
std::span<const SectionSchema* const> all_sections();
/// The section of that name, which must exist.
const SectionSchema& section_schema(std::string_view name);

// The tables behind all_sections().
std::span<const SectionSchema> process_sections();   // the top level, edge, log, http
std::span<const SectionSchema> access_sections();    // lists, ban
std::span<const SectionSchema> app_sections();       // apps
std::span<const SectionSchema> upstream_sections();  // upstreams
std::span<const SectionSchema> limit_sections();     // limits
std::span<const SectionSchema> site_sections();      // sites, listen
std::span<const SectionSchema> route_sections();     // routes and their handlers
std::span<const SectionSchema> guard_sections();     // basic_auth, auth_request, rules

/// The sections that have a key of this name, and have it built, for a key that stands in the wrong one: "`http` or
/// `sites[]`"; empty when there are none.
std::string sections_with(std::string_view key);

/// Keys of `http` that sites and routes may give as well.
std::span<const Key> exchange_keys();
/// Keys of `http` that hold before the route of a request is known, or between two requests: sites may give them,
/// routes may not.
std::span<const Key> connection_keys();
/// Keys that tell whom `http`, a site or a route serves.
std::span<const Key> access_keys();

}  // namespace edge::config
