// The patterns of the probes. Each is matched against what was sent and against what that stands for.
#include "core/http/probe_rules.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace edge {

namespace {

using Rules = std::vector<std::shared_ptr<const RequestRule>>;

constexpr std::string_view kDotfile = R"(/\.(?!\.?(?:/|$)|well-known(?:/|$)))";

constexpr std::string_view kPhp =
    R"(/(?:wp-(?:login|config|cron|signup|trackback|comments-post|blog-header|load|settings|mail|links-opml)\.php)"
    R"(|wp-(?:admin|content|includes|json)(?:/|$)|xmlrpc\.php|phpinfo\.php|eval-stdin\.php|adminer[^/]*\.php)"
    R"(|(?:php-?my-?admin|pma|myadmin|mysqladmin)(?:/|$)))";

// A step of two dots between slashes of whatever kind, encoded once or more often, or longer than UTF-8 allows. Four
// dots are what is left of two steps where a filter takes one out.
constexpr std::string_view kDot = R"((?:\.|%(?:25)*(?:2e|c0%(?:25)*ae|e0%(?:25)*80%(?:25)*ae|u002e)|\xc0\xae))";
constexpr std::string_view kSlash =
    R"((?:[/\\]|%(?:25)*(?:2f|5c|c0%(?:25)*af|c1%(?:25)*9c|u2215|u2216|u002f|u005c)|\xc0\xaf|\xc1\x9c))";

std::string traversal(std::string_view before) {
  std::string pattern = "(?:";
  pattern.append(before).append("|").append(kSlash).append(")(?:").append(kDot).append("{2}){1,2}");
  return pattern.append("(?:").append(kSlash).append("|[;&]|$)");
}

constexpr std::string_view kNul = R"(\x00|%(?:25)*00)";
constexpr std::string_view kOverlongQuery = R"(^[\s\S]{2049})";

Pattern compiled(std::string_view source) {
  auto pattern = Pattern::compile(source, true);
  if (pattern) return std::move(*pattern);
  std::fprintf(stderr, "edge: a rule that comes with it is no pattern: %s\n", pattern.error().message.c_str());
  std::abort();
}

std::shared_ptr<const RequestRule> of_path(const char* name, std::string_view source) {
  const auto rule = std::make_shared<RequestRule>();
  rule->name = name;
  rule->path =
      RoutePath{RoutePath::Kind::pattern, std::string(source), std::make_shared<const Pattern>(compiled(source))};
  return rule;
}

std::shared_ptr<const RequestRule> of_query(const char* name, std::string_view source) {
  const auto rule = std::make_shared<RequestRule>();
  rule->name = name;
  rule->query = compiled(source);
  return rule;
}

Rules rules_for_all() {
  return {of_path("probes/dotfile", kDotfile),
          of_path("probes/traversal", traversal(";")),
          of_query("probes/traversal", traversal("^|[=&;:?]")),
          of_path("probes/nul", kNul),
          of_query("probes/nul", kNul),
          of_query("probes/overlong-query", kOverlongQuery)};
}

Rules rules_without_php() {
  Rules rules = rules_for_all();
  rules.push_back(of_path("probes/php", kPhp));
  return rules;
}

}  // namespace

const Rules& probe_rules(bool site_has_php) {
  static const Rules for_all = rules_for_all();
  static const Rules without_php = rules_without_php();
  return site_has_php ? for_all : without_php;
}

}  // namespace edge
