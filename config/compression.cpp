// Compression: a map, or a word for all of it.
#include "config/compression.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/values.h"
#include "core/nearest.h"

namespace edge::config {
namespace {

constexpr std::string_view kEncodings[] = {"br", "zstd", "gzip"};

/// RFC 9110 5.6.2, in lower case and without the asterisk.
bool is_token(std::string_view text) {
  static constexpr std::string_view kSigns = "!#$%&'+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || kSigns.find(c) != std::string_view::npos;
  });
}

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return text;
}

bool is_type_pattern(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view subtype = text.substr(slash + 1);
  return text == "*/*" || (is_token(text.substr(0, slash)) && (subtype == "*" || is_token(subtype)));
}

void read_types(const Section& section, std::vector<std::string>& to) {
  if (!section.given("types")) return;
  to.clear();
  for (const ListedText& given : section.texts("types")) {
    std::string pattern = lower_case(given.text);
    if (is_type_pattern(pattern)) {
      to.push_back(std::move(pattern));
      continue;
    }
    section.loading().problems.add(given.place, given.path,
                                   fmt::format("{} is no content type; expected one such as text/css, text/* for all "
                                               "that begin so, or */* for every one",
                                               quoted(given.text)));
  }
}

void read_encodings(const Section& section, std::vector<Coding>& to) {
  if (!section.given("encodings")) return;
  to.clear();
  for (const ListedText& given : section.texts("encodings")) {
    const std::optional<Coding> coding = coding_of(given.text);
    std::string problem;
    if (!coding || *coding == Coding::identity) {
      const std::string near = nearest(given.text, kEncodings);
      const std::string advice = near.empty() ? "expected" : fmt::format("did you mean `{}`? Expected", near);
      problem = fmt::format("{} is no encoding that edge has; {} br, zstd or gzip", quoted(given.text), advice);
    } else if (std::ranges::find(to, *coding) != to.end()) {
      problem = fmt::format("{} is given twice; remove one", quoted(given.text));
    } else {
      to.push_back(*coding);
      continue;
    }
    section.loading().problems.add(given.place, given.path, std::move(problem));
  }
}

/// An empty list would be a way to say `compress: false` that nobody sees.
void refuse_empty(const Section& section, std::string_view key) {
  const Node* const list = section.given(key);
  if (!list || list->kind != Node::Kind::list || !list->items.empty()) return;
  section.problem(key, "the list is empty, so nothing would be compressed; leave it out, or give compress: false");
}

CompressSettings read_map(const Section& section) {
  CompressSettings settings;
  read_types(section, settings.types);
  read_encodings(section, settings.codings);
  refuse_empty(section, "types");
  refuse_empty(section, "encodings");
  section.read("min_size", settings.min_size);
  std::uint32_t level = static_cast<std::uint32_t>(settings.level);
  section.read("level", level);
  settings.level = static_cast<int>(level);
  return settings;
}

}  // namespace

void read_compression(const Section& section, std::optional<CompressSettings>& to) {
  const Node* const node = section.given("compress");
  if (!node) return;
  if (node->kind == Node::Kind::map) {
    to = read_map(section.inner("compress", "http.compress"));
    return;
  }
  const std::optional<bool> on = node->kind == Node::Kind::scalar ? parse_boolean(node->text) : std::nullopt;
  if (!on) return section.refuse("compress", *node);
  if (*on)
    to = CompressSettings();
  else
    to.reset();
}

}  // namespace edge::config
