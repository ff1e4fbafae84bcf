// Numbers in decimal, appended to a string without allocating for them.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace edge {

inline void append_number(std::uint64_t number, std::string& to) {
  std::array<char, 20> digits;
  to.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

/// "12.034"
inline void append_seconds(std::uint64_t milliseconds, std::string& to) {
  append_number(milliseconds / 1000, to);
  const std::uint64_t rest = milliseconds % 1000;
  const std::array<char, 4> fraction = {'.', static_cast<char>('0' + rest / 100),
                                        static_cast<char>('0' + rest / 10 % 10), static_cast<char>('0' + rest % 10)};
  to.append(fraction.data(), fraction.size());
}

}  // namespace edge
