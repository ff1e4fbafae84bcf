// The uwsgi packet: a four-byte header and a block of variables, both directions. Bytes in, views out; no socket.
// Also the encoding of an answer's head between a worker and the edge (see appserver/wire.h).
//
//   header   modifier1 u8 | block size u16 little-endian | modifier2 u8
//   variable name size u16 LE | name | value size u16 LE | value
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string_view>

namespace edge::uwsgi {

inline constexpr std::size_t kHeaderSize = 4;
inline constexpr std::size_t kMaxBlock = 0xffff;

struct Header {
  std::uint8_t modifier1 = 0;
  std::uint16_t block_size = 0;
  std::uint8_t modifier2 = 0;
};

inline void encode_header(const Header& header, char* to) {
  to[0] = static_cast<char>(header.modifier1);
  to[1] = static_cast<char>(header.block_size & 0xff);
  to[2] = static_cast<char>(header.block_size >> 8);
  to[3] = static_cast<char>(header.modifier2);
}

inline Header decode_header(const char* from) {
  const auto byte = [from](int i) { return static_cast<std::uint8_t>(from[i]); };
  return {byte(0), static_cast<std::uint16_t>(byte(1) | byte(2) << 8), byte(3)};
}

/// Writes variables into memory of the caller. Once something did not fit, overflowed() is true and stays so.
class BlockWriter {
 public:
  BlockWriter(char* to, std::size_t capacity) : begin_(to), at_(to), end_(to + capacity) {}

  void add(std::string_view name, std::string_view value) {
    if (name.size() > kMaxBlock || value.size() > kMaxBlock ||
        static_cast<std::size_t>(end_ - at_) < 4 + name.size() + value.size()) {
      overflowed_ = true;
      return;
    }
    put(name);
    put(value);
  }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  bool overflowed() const { return overflowed_; }

 private:
  void put(std::string_view text) {
    at_[0] = static_cast<char>(text.size() & 0xff);
    at_[1] = static_cast<char>(text.size() >> 8);
    if (!text.empty()) std::memcpy(at_ + 2, text.data(), text.size());
    at_ += 2 + text.size();
  }
  char* begin_;
  char* at_;
  char* end_;
  bool overflowed_ = false;
};

struct Variable {
  std::string_view name;
  std::string_view value;
};

/// Reads a block of untrusted bytes one variable at a time.
class BlockReader {
 public:
  explicit BlockReader(std::string_view block) : at_(block.data()), end_(block.data() + block.size()) {}

  enum class Step : std::uint8_t { variable, end, broken };  // broken: a size points past the block's end
  Step next(Variable& to) {
    if (at_ == end_) return Step::end;
    return get(to.name) && get(to.value) ? Step::variable : Step::broken;
  }

 private:
  bool get(std::string_view& to) {
    if (end_ - at_ < 2) return false;
    const auto size =
        static_cast<std::ptrdiff_t>(static_cast<std::uint8_t>(at_[0]) | static_cast<std::uint8_t>(at_[1]) << 8);
    if (end_ - at_ - 2 < size) return false;
    to = {at_ + 2, static_cast<std::size_t>(size)};
    at_ += 2 + size;
    return true;
  }
  const char* at_;
  const char* end_;
};

}  // namespace edge::uwsgi
