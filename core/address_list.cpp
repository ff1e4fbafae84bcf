// Taking a list apart into lines.
#include "core/address_list.h"

#include <algorithm>

namespace edge {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kBlanks = " \t\r";
constexpr std::size_t kMostShown = 60;  // bytes of a line in an error

}  // namespace

std::expected<void, AddressListFault> parse_address_list(std::string_view text, std::vector<AddressRange>& to) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view entry = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    entry = entry.substr(0, entry.find('#'));
    const std::size_t begin = entry.find_first_not_of(kBlanks);
    if (begin == entry.npos) continue;
    entry = entry.substr(begin, entry.find_last_not_of(kBlanks) - begin + 1);
    if (to.size() == kMostListed) return std::unexpected(AddressListFault{line, 1, "more than 4,000,000 entries"});
    const Result<AddressRange> range = parse_address_range(entry.substr(0, kMostShown));
    if (!range) return std::unexpected(AddressListFault{line, begin + 1, range.error().context});
    to.push_back(*range);
  }
  return {};
}

}  // namespace edge
