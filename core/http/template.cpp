// Templates: compiling to parts, and rendering them one after the other.
#include "core/http/template.h"

#include <algorithm>
#include <utility>

#include "core/escape.h"
#include "core/http/variables.h"

namespace edge {
namespace {

bool may_be_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::size_t name_size(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if_not(text, may_be_in_name) - text.begin());
}

/// Replaces what was appended since `begin` by its escaped form. Nothing to escape is the usual case, and costs a scan.
void escape_tail(std::string& to, std::size_t begin, Template::Escape escape) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (std::ranges::all_of(std::string_view(to).substr(begin), plain)) return;
  thread_local std::string raw;
  raw.assign(to, begin);
  to.resize(begin);
  if (escape == Template::Escape::log) {
    append_log_escaped(raw, to);
  } else {
    append_json_escaped(raw, to);
  }
}

std::string unknown_variable(std::string_view name) {
  std::string message = "unknown variable $";
  append_printable(name, message);
  if (const std::string meant = nearest_variable(name); !meant.empty()) message += "; did you mean $" + meant + "?";
  return message;
}

}  // namespace

std::expected<Template, Template::Error> Template::compile(std::string_view text) {
  Template result;
  result.source_ = text;
  std::string literal;
  for (std::size_t at = 0; at < text.size();) {
    const bool braced = text.substr(at).starts_with("${");
    const std::string_view from_name = text[at] == '$' ? text.substr(at + (braced ? 2 : 1)) : std::string_view();
    const std::size_t size = name_size(from_name);
    if (size == 0 && !braced) {
      literal.push_back(text[at++]);
      continue;
    }
    if (braced && (size == 0 || !from_name.substr(size).starts_with('}'))) {
      return std::unexpected(Error{at, "\"${\" begins a variable; expected its name and \"}\" after it"});
    }
    std::optional<Variable> variable = find_variable(from_name.substr(0, size));
    if (!variable) return std::unexpected(Error{at, unknown_variable(from_name.substr(0, size))});
    if (!literal.empty()) result.parts_.push_back({nullptr, std::exchange(literal, {})});
    result.parts_.push_back({variable->append, std::move(variable->argument)});
    if (variable->known != Known::arrival) result.late_.push_back({std::string(from_name, 0, size), variable->known});
    result.constant_ = false;
    at += 1 + size + (braced ? 2 : 0);
  }
  if (!literal.empty()) result.parts_.push_back({nullptr, std::move(literal)});
  return result;
}

std::string_view Template::known_after(Known when) const {
  const auto at = std::ranges::find_if(late_, [when](const Late& late) { return late.known > when; });
  return at == late_.end() ? std::string_view() : at->name;
}

void Template::render(const Request& request, std::string& to, Escape escape) const {
  for (const Part& part : parts_) {
    if (!part.append) {
      to.append(part.text);
      continue;
    }
    const std::size_t begin = to.size();
    part.append(request, part.text, to);
    if (escape == Escape::none) continue;
    if (to.size() > begin) {
      escape_tail(to, begin, escape);
    } else if (escape == Escape::log) {
      to.push_back('-');
    }
  }
}

}  // namespace edge
