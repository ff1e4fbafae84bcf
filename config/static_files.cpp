// Files: their folder, `try`, `types`, and how links are taken.
#include "config/static_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/values.h"
#include "core/http/header_list.h"
#include "core/http/media_type.h"

namespace edge::config {
namespace {

void read_index(const Section& section, StaticFiles& files) {
  if (section.given("index")) files.index.clear();
  for (const ListedText& index : section.texts("index")) {
    files.index.push_back(index.text);
    if (!index.text.empty() && index.text.find('/') == std::string::npos) continue;
    section.loading().problems.add(index.place, index.path, "expected the name of a file, without a /");
  }
}

/// One text of `try` that is compiled in parts.
struct TryText {
  Loading& loading;
  const Node& node;
  std::string path;

  bool is_path() const { return node.text.starts_with('/') || node.text.starts_with('$'); }
  void problem(std::string message) const { loading.problems.add(node.place, path, std::move(message)); }
  void compile(std::size_t from, std::size_t size, Template& to) const {
    auto compiled = Template::compile(std::string_view(node.text).substr(from, size));
    if (compiled) {
      to = std::move(*compiled);
      return;
    }
    loading.problems.add(node.place_in_text(from + compiled.error().offset), path, compiled.error().message);
  }
};

void read_candidate(const TryText& text, TryFiles& to) {
  if (!text.is_path()) {
    return text.problem("expected a file to look for, such as $uri or /index.html, or $uri/ for a folder");
  }
  TryFiles::Candidate candidate;
  candidate.folder = text.node.text.ends_with('/');
  text.compile(0, std::string::npos, candidate.path);
  to.files.push_back(std::move(candidate));
}

/// "= 404"
void read_status(const TryText& text, TryFiles& to) {
  constexpr std::uint64_t kFirst = 400;
  constexpr std::uint64_t kLast = 599;
  const std::size_t begin = std::min(text.node.text.find_first_not_of(' ', 1), text.node.text.size());
  const std::optional<std::uint64_t> status = parse_number(std::string_view(text.node.text).substr(begin));
  if (!status || *status < kFirst || *status > kLast) return text.problem("expected = and a status from 400 to 599");
  to.status = static_cast<int>(*status);
}

void read_fallback(const TryText& text, TryFiles& to) {
  if (text.node.text.starts_with('=')) return read_status(text, to);
  if (!text.is_path()) return text.problem("the last is a path that a route of the site answers, or = and a status");
  const std::size_t mark = std::min(text.node.text.find('?'), text.node.text.size());
  text.compile(0, mark, to.path);
  to.has_query = mark < text.node.text.size();
  if (to.has_query) text.compile(mark + 1, std::string::npos, to.query);
}

void read_try(const Section& section, TryFiles& to) {
  const Node* list = section.given("try");
  const bool one = list && (list->kind == Node::Kind::scalar || list->items.size() == 1);
  if (!one && (!section.given_list("try") || list->items.empty())) return;
  if (one) {
    return section.problem("try", "expected at least one file, and then what answers when it is not there");
  }
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const TryText text{section.loading(), *list->items[i], item_path(section.path_of("try"), i)};
    if (text.node.kind != Node::Kind::scalar)
      text.problem("expected text, such as $uri");
    else if (i + 1 < list->items.size())
      read_candidate(text, to);
    else
      read_fallback(text, to);
  }
}

bool is_extension(std::string_view text) {
  constexpr std::size_t kLongest = 31;
  return !text.empty() && text.size() <= kLongest && text.find_first_of("./ ") == std::string_view::npos;
}

/// Of those that are given already, the one that edge takes for the same.
const std::string* find_same_extension(const std::map<std::string, std::string>& given, std::string_view extension) {
  const auto found = std::ranges::find_if(given, [&](const auto& type) { return same_name(type.first, extension); });
  return found == given.end() ? nullptr : &found->first;
}

void read_types(const Section& section, std::map<std::string, std::string>& to) {
  const Node* map = section.given_map("types");
  if (!map) return;
  Problems& problems = section.loading().problems;
  for (const Entry& entry : map->entries) {
    const std::string path = key_path(section.path_of("types"), entry.key);
    if (!is_extension(entry.key)) {
      problems.add(entry.place, path, "expected the end of file names, without the dot, such as md");
    } else if (entry.value->kind != Node::Kind::scalar || !is_content_type(entry.value->text)) {
      problems.add(entry.value->place, path, "expected a content type, such as text/markdown");
    } else if (const std::string* same = find_same_extension(to, entry.key)) {
      problems.add(entry.place, path, fmt::format("is the same end of file names as {}; keep one", quoted(*same)));
    } else {
      to[entry.key] = entry.value->text;
    }
  }
}

void read_links(const Section& section, Links& to) {
  std::string word = "inside";
  section.read("follow_symlinks", word);
  to = word == "always" ? Links::always : word == "never" ? Links::never : Links::inside;
}

}  // namespace

StaticFiles read_static(const Section& section) {
  StaticFiles files;
  section.read("directory", files.directory);
  section.read("strip_prefix", files.strip_prefix);
  section.read("precompressed", files.precompressed);
  section.read("hidden_files", files.hidden_files);
  section.read("list", files.list);
  read_links(section, files.links);
  read_index(section, files);
  read_try(section, files.tried);
  read_types(section, files.types);
  if (!section.given("directory")) {
    section.missing("directory", "the folder of the files is missing; give a path");
  } else if (!files.directory.empty()) {
    check_directory(section.loading(), files.directory, section.place_of("directory"), section.path_of("directory"));
  }
  return files;
}

void check_directory(Loading& loading, const std::string& directory, const Place& place, const std::string& path) {
  if (loading.machine.kind(directory) != Machine::Kind::directory) {
    loading.problems.add(place, path, fmt::format("there is no directory {}", quoted(directory)));
  } else if (!loading.machine.readable(directory)) {
    loading.problems.add(place, path, fmt::format("the directory {} cannot be read", quoted(directory)));
  }
}

}  // namespace edge::config
