// Records: eight bytes of head, content, padding.
#include "proxy/fastcgi_records.h"

#include <algorithm>

namespace edge::fastcgi {
namespace {

constexpr char kVersion = 1;
constexpr char kResponder = 1;

char low_byte(std::size_t number) {
  return static_cast<char>(number & 0xffU);
}

void append_size(std::size_t size, std::string& to) {
  if (size < 0x80) {
    to.push_back(low_byte(size));
  } else {
    to.append({low_byte(size >> 24U | 0x80U), low_byte(size >> 16U), low_byte(size >> 8U), low_byte(size)});
  }
}

}  // namespace

void append_record_head(Type type, std::size_t content, std::string& to) {
  to.append({kVersion, static_cast<char>(type), low_byte(kRequest >> 8U), low_byte(kRequest), low_byte(content >> 8U),
             low_byte(content), low_byte(padding_of(content)), 0});
}

void append_begin(bool keep, std::string& to) {
  append_record_head(Type::begin_request, 8, to);
  to.append({0, kResponder, static_cast<char>(keep ? 1 : 0), 0, 0, 0, 0, 0});
}

void append_parameter(std::string_view name, std::string_view value, std::string& to) {
  append_size(name.size(), to);
  append_size(value.size(), to);
  to.append(name).append(value);
}

void append_stream(Type type, std::string_view stream, std::string& to) {
  while (!stream.empty()) {
    const std::string_view content = stream.substr(0, kMostContent);
    append_record_head(type, content.size(), to);
    to.append(content).append(padding_of(content.size()), '\0');
    stream.remove_prefix(content.size());
  }
  append_record_head(type, 0, to);
}

/// True once the head is whole.
bool RecordReader::read_head(std::string_view& input) {
  if (head_size_ == kHeadSize) return true;
  const std::size_t taken = input.copy(head_.data() + head_size_, kHeadSize - head_size_);
  input.remove_prefix(taken);
  head_size_ += taken;
  if (head_size_ < kHeadSize) return false;
  content_left_ = byte(4) << 8U | byte(5);
  padding_left_ = byte(6);
  told_ = false;
  return true;
}

bool RecordReader::skip_padding(std::string_view& input) {
  const std::size_t skipped = std::min(padding_left_, input.size());
  input.remove_prefix(skipped);
  padding_left_ -= skipped;
  if (padding_left_ == 0) head_size_ = 0;
  return padding_left_ == 0;
}

RecordReader::Step RecordReader::next(std::string_view& input, Piece& piece) {
  while (read_head(input)) {
    if (head_[0] != kVersion) return Step::broken;
    if (content_left_ > 0 && input.empty()) return Step::more;
    if (content_left_ > 0 || !told_) {
      told_ = true;
      piece.type = static_cast<Type>(head_[1]);
      piece.request = static_cast<std::uint16_t>(byte(2) << 8U | byte(3));
      piece.record_size = byte(4) << 8U | byte(5);
      piece.bytes = input.substr(0, content_left_);
      piece.last = piece.bytes.size() == content_left_;
      content_left_ -= piece.bytes.size();
      input.remove_prefix(piece.bytes.size());
      return Step::piece;
    }
    if (!skip_padding(input)) return Step::more;
  }
  return Step::more;
}

}  // namespace edge::fastcgi
