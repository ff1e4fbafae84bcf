// Configured header fields, rendered into the answer.
#include "core/filters/header_rules.h"

#include <string>
#include <string_view>

#include "core/escape.h"

namespace edge {
namespace {

constexpr std::string_view kOnlyByTls = "Strict-Transport-Security";  // RFC 6797 7.2

bool is_list(std::string_view name) {
  switch (header_name(name)) {
    case HeaderName::set_cookie:
    case HeaderName::vary:
    case HeaderName::via:
      return true;
    case HeaderName::other:
      return same_name(name, "Link") || same_name(name, "WWW-Authenticate");
    default:
      return false;
  }
}

/// The value in memory of the request; empty when it renders to nothing.
std::string_view value_of(const Template& value, const Request& request) {
  thread_local std::string rendered;
  thread_local std::string safe;
  rendered.clear();
  safe.clear();
  value.render(request, rendered);
  append_percent_encoded(rendered, false, safe);
  return request.arena.copy(safe);
}

}  // namespace

void apply_header_rules(std::span<const HeaderRule> rules, const Request& request, Response& response) {
  for (const HeaderRule& rule : rules) {
    if (!request.secure() && same_name(rule.name, kOnlyByTls)) continue;
    if (!rule.value) {
      response.headers.remove(rule.name);
      continue;
    }
    const std::string_view value = value_of(*rule.value, request);
    if (value.empty() || (same_name(rule.name, "Content-Type") && has_several_ranges(response))) continue;
    if (!is_list(rule.name)) response.headers.remove(rule.name);
    response.headers.add(rule.name, value);
  }
}

bool forbid_transforming(std::span<const HeaderRule> rules, const Request& request) {
  bool forbidden = false;
  for (const HeaderRule& rule : rules) {
    if (!same_name(rule.name, "Cache-Control")) continue;
    const std::string_view value = rule.value ? value_of(*rule.value, request) : std::string_view();
    if (rule.value && value.empty()) continue;  // which changes nothing
    forbidden = list_has(value, "no-transform");
  }
  return forbidden;
}

}  // namespace edge
