// MultipartRanges: several ranges of one content as multipart/byteranges (RFC 9110 14.6), made while it is sent.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/http/response.h"
#include "core/net/loop.h"
#include "static/byte_ranges.h"

namespace edge {

class MultipartRanges final : public BodySource {
 public:
  static constexpr std::size_t kPiece = 64 * 1024;  // bytes that are held at a time

  /// A file that is open for reading, or bytes that live as long as the request.
  using Content = std::variant<std::string_view, SharedFd>;

  /// `type` is the content's own and lives as long as the request, as `loop` does. The boundary is random, so that no
  /// content holds it but by a chance of 2^-128, and need not be searched for it.
  MultipartRanges(Loop& loop, Content content, std::uint64_t size, std::string_view type,
                  std::span<const ByteRange> ranges);

  /// The value of Content-Type for the whole.
  std::string content_type() const { return "multipart/byteranges; boundary=" + boundary_; }
  std::optional<std::uint64_t> length() const override { return length_; }
  /// A file is read on the loop's thread as far as it is in memory, else on the thread pool. An error when it has
  /// become shorter.
  Task<Result<Chunk>> pull() override;

 private:
  std::string head_of(const ByteRange& range, bool first) const;
  std::string end() const;
  bool begin_next_part();
  void put_text();
  Task<Result<void>> put_content();

  Loop& loop_;
  Content content_;
  std::uint64_t size_;
  std::string_view type_;
  std::vector<ByteRange> ranges_;
  std::string boundary_;
  std::uint64_t length_ = 0;

  std::size_t next_ = 0;  // of ranges_; one past their end when the last boundary was begun
  ByteRange left_;        // of the range that is being sent
  std::string text_;      // head of a part, or the end, of which put_ bytes are in the piece
  std::size_t put_ = 0;   // of text_
  std::unique_ptr<char[]> piece_;
  std::size_t filled_ = 0;  // of piece_
};

/// "bytes 0-4/10" (RFC 9110 14.4).
std::string content_range(const ByteRange& range, std::uint64_t size);

}  // namespace edge
