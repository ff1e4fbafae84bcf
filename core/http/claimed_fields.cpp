// Names compared as a CGI environment would spell them.
#include "core/http/claimed_fields.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace edge {
namespace {

char spelled(char c) {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool same_variable(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, spelled, spelled);
}

/// The list without that member.
std::string without(std::string_view list, std::string_view member) {
  std::string others;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view each = trimmed(list.substr(begin, end - begin));
    if (!each.empty() && !same_variable(each, member)) others.append(others.empty() ? "" : ", ").append(each);
    begin = end + 1;
  }
  return others;
}

}  // namespace

void forget_claims(HeaderList& headers, std::string_view name) {
  const auto claims = [name](const HeaderField& field) { return same_variable(field.name, name); };
  for (const HeaderField* claim = std::ranges::find_if(headers, claims); claim != headers.end();
       claim = std::ranges::find_if(headers, claims)) {
    headers.remove(claim->name);
  }
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const HeaderField field = headers[i];
    if (field.id != HeaderName::connection) continue;
    const std::string others = without(field.value, name);
    if (others == field.value) continue;
    headers.replace(i, {field.name, headers.arena().copy(others), field.id});
  }
}

}  // namespace edge
