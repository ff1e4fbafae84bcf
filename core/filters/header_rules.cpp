// Configured header fields, rendered into the answer.
#include "core/filters/header_rules.h"

#include <algorithm>
#include <string>

#include "core/escape.h"

namespace edge {
namespace {

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

bool is_token_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
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
    if (!rule.value) {
      response.headers.remove(rule.name);
      continue;
    }
    const std::string_view value = value_of(*rule.value, request);
    if (value.empty()) continue;
    if (!is_list(rule.name)) response.headers.remove(rule.name);
    response.headers.add(rule.name, value);
  }
}

bool header_rule_allowed(std::string_view name) {
  switch (header_name(name)) {
    case HeaderName::content_length:
    case HeaderName::transfer_encoding:
    case HeaderName::connection:
    case HeaderName::keep_alive:
    case HeaderName::trailer:
    case HeaderName::upgrade:
    case HeaderName::date:
    case HeaderName::server:
      return false;
    default:
      return !name.empty() && std::ranges::all_of(name, is_token_byte);
  }
}

}  // namespace edge
