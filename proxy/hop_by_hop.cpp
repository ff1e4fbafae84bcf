// One look at the fields tells whether there is anything to remove; mostly there is one field or none.
#include "proxy/hop_by_hop.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

namespace edge {
namespace {

constexpr std::initializer_list<HeaderName> kHopByHop = {
    HeaderName::connection, HeaderName::keep_alive,        HeaderName::proxy_connection, HeaderName::te,
    HeaderName::trailer,    HeaderName::transfer_encoding, HeaderName::upgrade,
};

/// Calls `with` for each member of a comma-separated list that is not empty.
template <class With>
void for_each_member(std::string_view list, With with) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (const std::string_view member = trimmed(list.substr(begin, end - begin)); !member.empty()) with(member);
    begin = end + 1;
  }
}

/// What the Connection fields name besides the usual, with commas between.
std::string named_fields(const HeaderList& headers) {
  std::string named;
  for (const HeaderField& field : headers) {
    if (field.id != HeaderName::connection) continue;
    for_each_member(field.value, [&named](std::string_view name) {
      if (!same_name(name, "close") && !same_name(name, "keep-alive") && !same_name(name, "upgrade")) {
        named.append(name).append(",");
      }
    });
  }
  return named;
}

}  // namespace

void remove_hop_by_hop(HeaderList& headers) {
  if (!headers.may_have(kHopByHop)) return;
  const std::string named = named_fields(headers);
  for (const HeaderName name : kHopByHop) {
    if (headers.may_have(name)) headers.remove(name);
  }
  for_each_member(named, [&headers](std::string_view name) { headers.remove(name); });
}

}  // namespace edge
