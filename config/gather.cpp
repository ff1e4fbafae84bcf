// Reading a file with its includes, and merging what they hold.
#include "config/gather.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "config/schema.h"
#include "config/section.h"

namespace edge::config {
namespace {

bool has_wildcard(const std::string& pattern) {
  return pattern.find_first_of("*?[") != std::string::npos;
}

/// The files that match `pattern`, in name order; as named from where `pattern` is named from. Wildcards match within
/// one step of the path, and no name that begins with a dot unless the pattern's does.
class Matches {
 public:
  Matches(const Machine& machine, std::string base) : machine_(machine), base_(std::move(base)) {}

  std::vector<std::string> find(const std::string& pattern) {
    descend(pattern.starts_with('/') ? "/" : "", pattern);
    std::sort(found_.begin(), found_.end());
    return std::move(found_);
  }

 private:
  void descend(const std::string& prefix, std::string rest) {
    rest.erase(0, rest.find_first_not_of('/'));
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string step = rest.substr(0, slash);
    const std::string after = rest.substr(slash);
    if (!has_wildcard(step)) return take(prefix + step, after);
    for (const std::string& name : machine_.names(absolute_path(base_, prefix.empty() ? "." : prefix))) {
      if (found_.size() >= kMostFiles) return;
      if (::fnmatch(step.c_str(), name.c_str(), FNM_PERIOD) == 0) take(prefix + name, after);
    }
  }

  void take(const std::string& path, const std::string& rest) {
    const Machine::Kind kind = machine_.kind(absolute_path(base_, path));
    if (rest.empty() && kind == Machine::Kind::file) found_.push_back(path);
    if (!rest.empty() && kind == Machine::Kind::directory) descend(path + "/", rest);
  }

  const Machine& machine_;
  std::string base_;
  std::vector<std::string> found_;
};

class Gatherer {
 public:
  explicit Gatherer(Loading& loading) : loading_(loading), top_(std::make_shared<Node>()) {
    top_->kind = Node::Kind::map;
  }

  /// `named_at` is where the file is included; line 0 for the main file.
  void read(const std::string& file, const Place& named_at, const std::string& key) {
    const std::string absolute = absolute_path(loading_.machine.working_directory(), file);
    if (!open(file, absolute, named_at, key)) return;
    const std::expected<std::string, std::string> content = loading_.machine.read(absolute);
    if (!content) {
      const std::string subject = named_at.line > 0 ? quoted(file) + " " : std::string();
      return fail(named_at, key, fmt::format("{}cannot be read: {}", subject, content.error()));
    }
    const auto environment = [this](const std::string& name) { return loading_.machine.variable(name); };
    const NodePtr document = parse_document(*content, file, environment, loading_.problems);
    if (!document) {
      loading_.incomplete = true;
      return;
    }
    if (document->kind != Node::Kind::map) {
      return fail(document->place, {},
                  "a file is a map of sections; the smallest that serves is: app: hello:application");
    }
    if (top_->entries.empty()) top_->place = document->place;
    merge(*document);
    chain_.push_back(absolute);
    if (const Entry* include = document->find_entry("include")) read_includes(*include);
    chain_.pop_back();
  }

  NodePtr top() const { return seen_any_ ? top_ : nullptr; }

 private:
  void fail(const Place& place, const std::string& key, std::string message) {
    loading_.incomplete = true;
    loading_.problems.add(place, key, std::move(message));
  }

  /// Takes note of the file; false when it must not be read (again).
  bool open(const std::string& file, const std::string& absolute, const Place& named_at, const std::string& key) {
    const auto [earlier, is_new] = opened_.try_emplace(absolute, named_at);
    if (is_new && opened_.size() <= kMostFiles) {
      loading_.problems.opened(file);
      loading_.files.push_back(absolute);
      return true;
    }
    if (is_new) {
      fail(named_at, key, fmt::format("more than {} files are included", kMostFiles));
    } else if (std::find(chain_.begin(), chain_.end(), absolute) != chain_.end()) {
      fail(named_at, key, fmt::format("{} includes itself through this; remove it from the pattern", quoted(file)));
    } else {
      fail(named_at, key,
           fmt::format("{} is included at {} already; include it once", quoted(file), earlier->second.text()));
    }
    return false;
  }

  void read_includes(const Entry& include) {
    const std::vector<NodePtr> one = {include.value};
    const bool is_list = include.value->kind == Node::Kind::list;
    const std::vector<NodePtr>& patterns = is_list ? include.value->items : one;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      const Node& pattern = *patterns[i];
      const std::string key = is_list ? item_path("include", i) : "include";
      if (pattern.kind == Node::Kind::scalar && !pattern.text.empty())
        read_pattern(pattern, key);
      else if (pattern.kind != Node::Kind::null)
        fail(pattern.place, key, "expected a file, a pattern such as sites/*.yaml, or a list of them");
    }
  }

  void read_pattern(const Node& pattern, const std::string& key) {
    const std::string folder = parent_path(pattern.place.file);
    const std::string prefix = folder.empty() || folder.ends_with('/') ? folder : folder + "/";
    const auto named = [&](const std::string& path) { return path.starts_with('/') ? path : prefix + path; };
    if (!has_wildcard(pattern.text)) return read(named(pattern.text), pattern.place, key);
    Matches matches(loading_.machine, absolute_path(loading_.machine.working_directory(), folder));
    for (const std::string& path : matches.find(pattern.text)) read(named(path), pattern.place, key);
  }

  void merge(const Node& document) {
    seen_any_ = true;
    for (const Entry& entry : document.entries) {
      if (entry.key == "include") continue;
      const auto earlier = std::find_if(top_->entries.begin(), top_->entries.end(),
                                        [&entry](const Entry& other) { return other.key == entry.key; });
      if (earlier == top_->entries.end())
        top_->entries.push_back(entry);
      else
        merge_section(*earlier, entry);
    }
  }

  void merge_section(Entry& into, const Entry& from) {
    const Key* schema = section_schema("").find(from.key);
    const bool joins =
        schema && (schema->type == Type::maps || schema->type == Type::named_maps || schema->type == Type::text_map);
    if (!joins) {
      if (!schema) return;  // an unknown key, reported once
      loading_.problems.add(from.place, from.key,
                            fmt::format("is given in two files; first at {}; keep one", into.place.text()));
      return;
    }
    if (from.value->kind == Node::Kind::null) return;
    if (into.value->kind == Node::Kind::null) {
      into = from;
      return;
    }
    if (into.value->kind != from.value->kind) {
      loading_.problems.add(from.value->place, from.key, fmt::format("expected {}", schema->expected()));
      return;
    }
    auto joined = std::make_shared<Node>(*into.value);
    joined->items.insert(joined->items.end(), from.value->items.begin(), from.value->items.end());
    for (const Entry& entry : from.value->entries) {
      const Entry* twice = joined->find_entry(entry.key);
      if (!twice)
        joined->entries.push_back(entry);
      else
        report_clash(from.key, entry, *twice);
    }
    into.value = std::move(joined);
  }

  void report_clash(const std::string& section, const Entry& entry, const Entry& twice) {
    loading_.problems.add(
        entry.place, key_path(section, entry.key),
        fmt::format("this name is given in two files; the other is at {}; rename one", twice.place.text()));
  }

  Loading& loading_;
  std::shared_ptr<Node> top_;
  bool seen_any_ = false;
  std::map<std::string, Place> opened_;  // absolute paths, and where they are included
  std::vector<std::string> chain_;       // files that are being read, the main file first
};

}  // namespace

NodePtr gather_files(const std::string& file, Loading& loading) {
  Gatherer gatherer(loading);
  gatherer.read(file, {file, 0, 0}, {});
  return gatherer.top();
}

}  // namespace edge::config
