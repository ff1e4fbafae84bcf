// Substitution from the environment: one pass from left to right; what was put in is not looked at again.
#include "config/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace edge::config {
namespace {

bool begins_name(char c) {
  return (c >= 'A' && c <= 'Z') || c == '_';
}
bool continues_name(char c) {
  return begins_name(c) || (c >= '0' && c <= '9');
}

/// Takes the reference at `at` ("${" and a name's first letter); returns the offset after it.
std::size_t take(const std::string& text, std::size_t at, const Environment& environment, Substituted& to) {
  const auto begin = text.begin() + static_cast<std::ptrdiff_t>(at) + 2;
  const auto end = std::find_if_not(begin, text.end(), continues_name);
  const std::string name(begin, end);
  const auto after = static_cast<std::size_t>(end - text.begin());
  const bool has_default = text.compare(after, 2, ":-") == 0;
  const std::size_t close = has_default ? text.find('}', after) : after;
  if (close >= text.size() || text[close] != '}') {
    to.faults.push_back({at, fmt::format("${{{} is not ended; write ${{{}}} or ${{{}:-default}}", name, name, name)});
    return text.size();
  }
  std::optional<std::string> value = environment(name);
  if (has_default && (!value || value->empty())) value = text.substr(after + 2, close - after - 2);
  if (!value) {
    to.faults.push_back(
        {at, fmt::format("the environment has no {}; set it, or give a default: ${{{}:-default}}", name, name)});
  } else if (value->find('\0') != std::string::npos) {
    to.faults.push_back({at, fmt::format("the value of {} holds a NUL", name)});
  } else {
    to.text += *value;
  }
  to.changed = true;
  return close + 1;
}

}  // namespace

Substituted substitute(const std::string& text, const Environment& environment) {
  Substituted result;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dollar = std::min(text.find("${", at), text.size());
    result.text.append(text, at, dollar - at);
    if (dollar == text.size()) break;
    if (dollar + 2 < text.size() && begins_name(text[dollar + 2])) {
      at = take(text, dollar, environment, result);
    } else {
      result.text += "${";
      at = dollar + 2;
    }
  }
  return result;
}

}  // namespace edge::config
