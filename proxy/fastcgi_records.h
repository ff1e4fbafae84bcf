// The records of FastCGI (specification 1.0, 3.3 and 8): writing them, and taking them apart in whatever pieces they
// come. Bytes in, views out; no socket.
//
//   head       version u8 (1) | type u8 | request u16 BE | content size u16 BE | padding size u8 | reserved u8
//   parameter  name size | value size, each u8 below 128 or u32 BE with the top bit set | name | value
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace edge::fastcgi {

enum class Type : std::uint8_t {
  begin_request = 1,
  end_request = 3,
  params = 4,
  input = 5,
  output = 6,
  errors = 7,
  values_result = 10,  // of no request, as the next
  unknown_type = 11,
};

inline constexpr std::size_t kHeadSize = 8;
inline constexpr std::size_t kMostContent = 65'528;  // the largest size that needs no padding
inline constexpr std::uint16_t kRequest = 1;         // a connection has one request at a time
inline constexpr std::size_t kEndSize = 8;           // the content of end_request: application's status u32 BE |
inline constexpr std::size_t kEndStatus = 4;         // protocol's status u8 | reserved

/// Bytes of padding behind so much content, so that the next record is aligned.
constexpr std::size_t padding_of(std::size_t content) {
  return (8 - content % 8) % 8;
}

/// `content` is at most kMostContent.
void append_record_head(Type type, std::size_t content, std::string& to);
/// begin_request: a responder, after whose answer the connection stays open if `keep`.
void append_begin(bool keep, std::string& to);
void append_parameter(std::string_view name, std::string_view value, std::string& to);
/// `stream` as records of `type`, and the empty one that ends it.
void append_stream(Type type, std::string_view stream, std::string& to);

/// Reads the records of untrusted bytes. Nothing of them is kept.
class RecordReader {
 public:
  struct Piece {
    Type type{};
    std::uint16_t request = 0;
    std::size_t record_size = 0;  // of the content of the whole record
    std::string_view bytes;       // some of it; a record without content is one empty piece
    bool last = false;            // nothing of the record's content follows
  };
  enum class Step : std::uint8_t { more, piece, broken };  // broken: not FastCGI

  /// Consumes from the front of `input`.
  Step next(std::string_view& input, Piece& piece);
  /// The last `size` bytes of the piece that next() told were not taken: the caller puts them back into its input.
  void give_back(std::size_t size) { content_left_ += size; }
  /// Behind a record's last piece, takes its padding alone; true once that is there.
  bool skip_padding(std::string_view& input);

 private:
  bool read_head(std::string_view& input);
  std::size_t byte(std::size_t at) const { return static_cast<unsigned char>(head_[at]); }

  std::array<char, kHeadSize> head_;
  std::size_t head_size_ = 0;  // bytes of it that came
  std::size_t content_left_ = 0;
  std::size_t padding_left_ = 0;
  bool told_ = false;  // a piece of the record
};

}  // namespace edge::fastcgi
