// Rules: their conditions compiled, and what they do.
#include "config/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/answers.h"
#include "config/routes.h"
#include "core/http/field_syntax.h"
#include "core/http/request_rules.h"

namespace edge::config {
namespace {

constexpr std::size_t kMostRules = 1000;

std::optional<Pattern> compile_pattern(Loading& loading, const Node& node, const std::string& path) {
  auto pattern = Pattern::compile(node.text, false);
  if (pattern) return std::move(*pattern);
  loading.problems.add(node.place_in_text(pattern.error().offset), path,
                       fmt::format("{} is no pattern: {}", quoted(node.text), pattern.error().message));
  return std::nullopt;
}

void read_pattern(const Section& match, std::string_view key, std::optional<Pattern>& to) {
  const Node* node = match.given(key);
  if (!node) return;
  if (node->kind != Node::Kind::scalar) return match.refuse(key, *node);
  to = compile_pattern(match.loading(), *node, match.path_of(key));
}

void read_methods(const Section& match, std::vector<std::string>& to) {
  for (ListedText& method : match.texts("method")) {
    const bool fits = !method.text.empty() && std::ranges::all_of(method.text, [](char c) {
      return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    });
    if (fits) {
      to.push_back(std::move(method.text));
    } else {
      match.loading().problems.add(method.place, method.path, "expected a method in capitals, such as POST");
    }
  }
}

void read_path(const Section& match, std::optional<RoutePath>& to) {
  const Node* node = match.given("path");
  if (!node) return;
  if (node->kind != Node::Kind::scalar) return match.refuse("path", *node);
  to = parse_route_path(match.loading(), *node, match.path_of("path"));
}

void read_header_conditions(const Section& match, std::vector<RequestRule::Header>& to) {
  const Node* map = match.given_map("headers");
  if (!map) return;
  for (const Entry& entry : map->entries) {
    const std::string path = key_path(match.path_of("headers"), entry.key);
    if (!is_token(entry.key)) {
      match.loading().problems.add(entry.place, path, "expected the name of a header, such as User-Agent");
    } else if (entry.value->kind != Node::Kind::scalar) {
      match.loading().problems.add(entry.value->place, path, "expected a pattern for the header's value");
    } else if (auto pattern = compile_pattern(match.loading(), *entry.value, path)) {
      to.push_back({entry.key, std::move(*pattern)});
    }
  }
}

void read_match(const Section& match, RequestRule& rule) {
  read_methods(match, rule.methods);
  read_path(match, rule.path);
  read_pattern(match, "query", rule.query);
  read_header_conditions(match, rule.headers);
  read_pattern(match, "body", rule.body);
  const auto is_empty = [&match](std::string_view key) {
    const Node* node = match.given(key);
    return !node || (node->kind == Node::Kind::list && node->items.empty()) ||
           (node->kind == Node::Kind::map && node->entries.empty());
  };
  if (std::ranges::all_of(std::initializer_list<std::string_view>{"method", "path", "query", "headers", "body"},
                          is_empty)) {
    match.missing({}, "would match every request; give at least one of method, path, query, headers, body");
  }
}

void read_tag(const Section& section, RequestRule& rule) {
  const Node* node = section.given("tag");
  if (rule.action != RequestRule::Action::tag) {
    if (node) section.problem("tag", "holds for `action: tag` only; remove it");
    return;
  }
  if (!node) return section.missing("tag", "the tag is missing; give a word such as suspicious");
  section.read("tag", rule.tag);
  static constexpr std::string_view kSigns = "._:/-";
  const bool fits = std::ranges::all_of(rule.tag, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kSigns.find(c) != kSigns.npos;
  });
  if (!fits) section.problem("tag", "expected letters, digits and ._:/-");
}

void read_action(const Section& section, RequestRule& rule) {
  std::string action = "deny";
  section.read("action", action);
  rule.action = action == "log"   ? RequestRule::Action::log
                : action == "tag" ? RequestRule::Action::tag
                                  : RequestRule::Action::deny;
  std::uint32_t status = static_cast<std::uint32_t>(rule.status);
  section.read("status", status);
  rule.status = static_cast<int>(status);
  if (section.given("status") && rule.action != RequestRule::Action::deny) {
    section.problem("status", "holds for `action: deny` only; remove it");
  }
  read_tag(section, rule);
  section.read("dry_run", rule.dry_run);
}

std::shared_ptr<const RequestRule> read_rule(const Section& section) {
  const auto rule = std::make_shared<RequestRule>();
  rule->name = section.path();
  section.read("name", rule->name);
  read_action(section, *rule);
  if (section.given("match"))
    read_match(section.inner("match", "http.rules[].match"), *rule);
  else
    section.missing("match", "what the rule is for is missing; give conditions such as {path: ~* \\.bak$}");
  return rule;
}

void read_list(const Section& section, std::vector<std::shared_ptr<const RequestRule>>& rules) {
  const Node* list = section.given_list("rules");
  if (!list) return;
  rules.clear();
  if (list->items.size() > kMostRules) {
    return section.problem("rules", fmt::format("there are more than {}; join patterns", kMostRules));
  }
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = *list->items[i];
    const std::string path = item_path(section.path_of("rules"), i);
    if (item.kind != Node::Kind::map) {
      section.loading().problems.add(item.place, path, "expected a rule, such as {match: {path: ~* \\.bak$}}");
      continue;
    }
    rules.push_back(read_rule(Section(section.loading(), "http.rules[]", path, item.place, &item)));
  }
}

void read_protect(const Section& section, bool& probes) {
  if (!section.given("protect")) return;
  probes = false;
  for (const ListedText& set : section.texts("protect")) {
    if (set.text == "probes") {
      probes = true;
    } else {
      section.loading().problems.add(set.place, set.path,
                                     fmt::format("there is no set of rules {}; there is: probes", quoted(set.text)));
    }
  }
}

}  // namespace

void read_rules(const Section& section, HttpSettings& settings) {
  read_protect(section, settings.protect_probes);
  read_list(section, settings.rules);
  section.read("rules_body", settings.rules_body);
}

}  // namespace edge::config
