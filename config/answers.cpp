// Headers and error pages.
#include "config/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "config/values.h"
#include "core/http/field_syntax.h"
#include "core/http/header_list.h"

namespace edge::config {
namespace {

/// Why a rule may not touch a header; null when it may.
const char* reserved(std::string_view name, HeadersOf of) {
  constexpr std::array<std::string_view, 6> kFraming = {"Content-Length", "Transfer-Encoding", "Connection",
                                                        "Keep-Alive",     "Trailer",           "Upgrade"};
  for (const std::string_view framing : kFraming) {
    if (same_name(name, framing)) return "belongs to the connection and cannot be set; remove it";
  }
  if (of == HeadersOf::request) {
    if (same_name(name, "Host")) return "is set by edge itself; use `host`";
    const bool is_of_hop = same_name(name, "Expect") || same_name(name, "TE");
    return is_of_hop ? "belongs to the connection and cannot be set; remove it" : nullptr;
  }
  if (same_name(name, "Date")) return "is set by edge itself; remove it";
  if (same_name(name, "Server")) return "is set by edge itself; use `server_header`";
  return nullptr;
}

std::optional<HeaderRule> read_rule(const Section& section, const Entry& entry, const std::string& path, HeadersOf of) {
  Problems& problems = section.loading().problems;
  if (!is_token(entry.key)) {
    problems.add(entry.place, path,
                 fmt::format("{} is no header name; expected letters, digits and -", quoted(entry.key)));
    return std::nullopt;
  }
  if (const char* why = reserved(entry.key, of)) {
    problems.add(entry.place, path, why);
    return std::nullopt;
  }
  if (entry.value->kind == Node::Kind::null) return HeaderRule{entry.key, std::nullopt};
  if (entry.value->kind != Node::Kind::scalar) {
    problems.add(entry.value->place, path, "expected the header's value, or ~ to remove the header");
    return std::nullopt;
  }
  if (!is_field_text(entry.value->text)) {
    problems.add(entry.value->place, path, "a header's value cannot hold a line break or a control character");
    return std::nullopt;
  }
  Template value;
  if (!compile_text(section.loading(), *entry.value, path, value)) return std::nullopt;
  return HeaderRule{entry.key, std::move(value)};
}

std::vector<HeaderRule>::iterator find_rule(std::vector<HeaderRule>& rules, std::string_view name) {
  return std::find_if(rules.begin(), rules.end(),
                      [name](const HeaderRule& rule) { return same_name(rule.name, name); });
}

bool has_escape(std::string_view path) {
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (std::size_t at = path.find('%'); at != path.npos; at = path.find('%', at + 1)) {
    if (path.size() - at > 2 && is_digit(path[at + 1]) && is_digit(path[at + 2])) return true;
  }
  return false;
}

/// What is wrong with it as the path of an error page; null: nothing.
const char* no_page(const Node& node) {
  if (node.kind != Node::Kind::scalar || !node.text.starts_with('/')) {
    return "expected the path of a page, beginning with /";
  }
  if (node.text.find_first_of("?#$") != std::string::npos) {
    return "a page is a path alone, without query, fragment and $variables; what it shows may hold $status and others";
  }
  if (has_escape(node.text)) return "a page's path is written as it is, without %";
  return why_unreachable(node.text);
}

}  // namespace

std::optional<std::pair<int, int>> parse_statuses(std::string_view text, int least, int most) {
  const std::size_t dash = std::min(text.find('-'), text.size());
  const auto first = parse_number(text.substr(0, dash));
  const auto last = dash == text.size() ? first : parse_number(text.substr(dash + 1));
  const auto fits = [&](const std::optional<std::uint64_t>& status) {
    return status && *status >= static_cast<std::uint64_t>(least) && *status <= static_cast<std::uint64_t>(most);
  };
  if (!fits(first) || !fits(last) || *first > *last) return std::nullopt;
  return std::pair(static_cast<int>(*first), static_cast<int>(*last));
}

void read_headers(const Section& section, std::vector<HeaderRule>& rules, HeadersOf of) {
  const Node* map = section.given_map("headers");
  if (!map) return;
  std::vector<HeaderRule> own;
  for (const Entry& entry : map->entries) {
    const std::string path = key_path(section.path_of("headers"), entry.key);
    std::optional<HeaderRule> rule = read_rule(section, entry, path, of);
    if (!rule) continue;
    if (const auto twice = find_rule(own, rule->name); twice != own.end()) {
      section.loading().problems.add(entry.place, path,
                                     fmt::format("is the same header as {}; keep one", quoted(twice->name)));
      continue;
    }
    own.push_back(std::move(*rule));
  }
  for (HeaderRule& rule : own) {
    const auto inherited = find_rule(rules, rule.name);
    if (inherited == rules.end())
      rules.push_back(std::move(rule));
    else
      *inherited = std::move(rule);
  }
}

void read_error_pages(const Section& section, std::vector<ErrorPage>& pages) {
  const Node* map = section.given_map("error_pages");
  if (!map) return;
  pages.clear();
  Problems& problems = section.loading().problems;
  for (const Entry& entry : map->entries) {
    const std::string path = key_path(section.path_of("error_pages"), entry.key);
    const auto statuses = parse_statuses(entry.key, 400, 599);
    if (!statuses) {
      problems.add(entry.place, path, "expected a status from 400 to 599, or a range such as 500-504");
      continue;
    }
    if (const char* const why = no_page(*entry.value)) {
      problems.add(entry.value->place, path, why);
      continue;
    }
    const auto [first, last] = *statuses;
    const auto overlapping = std::find_if(
        pages.begin(), pages.end(), [=](const ErrorPage& other) { return first <= other.last && other.first <= last; });
    if (overlapping != pages.end()) {
      problems.add(
          entry.place, path,
          fmt::format("a status in it is answered by {} already; give each status once", quoted(overlapping->path)));
      continue;
    }
    pages.push_back({first, last, entry.value->text});
  }
}

void read_expires(const Section& section, Expires& expires) {
  const Node* node = section.given("expires");
  if (!node) return;
  constexpr std::array<std::pair<std::string_view, Expires::Kind>, 4> kWords = {
      {{"off", Expires::Kind::off},
       {"max", Expires::Kind::max},
       {"epoch", Expires::Kind::epoch},
       {"immutable", Expires::Kind::immutable}}};
  for (const auto& [word, kind] : kWords) {
    if (node->kind == Node::Kind::scalar && node->text == word) {
      expires = {kind, 0};
      return;
    }
  }
  Milliseconds after{0};
  section.read("expires", after);
  expires = {Expires::Kind::after, static_cast<std::uint32_t>(after.count() / 1'000)};
}

}  // namespace edge::config
