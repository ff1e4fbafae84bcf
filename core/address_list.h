// Lists of addresses as files hold them: an address or a network a line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/address_set.h"
#include "core/result.h"

namespace edge {

/// What is wrong in a list, and where.
struct AddressListFault {
  std::size_t line = 0;    // from 1
  std::size_t column = 0;  // from 1
  std::string message;
};

/// At most so many entries: 80 MB while they are read.
inline constexpr std::size_t kMostListed = 4'000'000;

/// Adds the entries of `text` to `to`. "#" begins a comment; empty lines, blanks around an entry, a carriage return at
/// the end of a line and a byte order mark at the beginning count for nothing. A fault: `to` holds what came before it.
std::expected<void, AddressListFault> parse_address_list(std::string_view text, std::vector<AddressRange>& to);

}  // namespace edge
