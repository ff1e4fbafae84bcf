// TextWriter: puts a text together where there is room for it already.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace edge {

/// Writes from `to` on. Whoever makes one has counted before what comes together, and owns those `room` bytes.
class TextWriter {
 public:
  TextWriter(char* to, std::size_t room) : begin_(to), at_(to), room_(room) {}

  void add(std::string_view text) {
    if (text.size() > room_ - size()) std::abort();  // rather than write to somebody else's memory
    if (text.empty()) return;
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  std::string_view written() const { return {begin_, size()}; }

 private:
  char* const begin_;
  char* at_;
  const std::size_t room_;
};

}  // namespace edge
