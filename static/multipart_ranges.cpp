// Part heads and pieces of content, gathered until a piece is full.
#include "static/multipart_ranges.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/page_cache.h"

namespace edge {

namespace {

std::string random_boundary() {
  std::array<std::uint64_t, 2> random{};
  if (getentropy(random.data(), sizeof random) != 0) {
    std::perror("edge: no random numbers from the kernel");
    std::abort();
  }
  return fmt::format("{:016x}{:016x}", random[0], random[1]);
}

/// pread() for the thread pool.
struct PooledRead {
  int fd;
  char* to;
  std::size_t most;
  std::uint64_t offset;
  ssize_t operator()() const { return pread(fd, to, most, static_cast<off_t>(offset)); }
};

}  // namespace

std::string content_range(const ByteRange& range, std::uint64_t size) {
  return fmt::format("bytes {}-{}/{}", range.first, range.first + range.length - 1, size);
}

MultipartRanges::MultipartRanges(Loop& loop, Content content, std::uint64_t size, std::string_view type,
                                 std::span<const ByteRange> ranges)
    : loop_(loop),
      content_(std::move(content)),
      size_(size),
      type_(type),
      ranges_(ranges.begin(), ranges.end()),
      boundary_(random_boundary()) {
  for (const ByteRange& range : ranges_) length_ += head_of(range, &range == &ranges_.front()).size() + range.length;
  length_ += end().size();
}

std::string MultipartRanges::head_of(const ByteRange& range, bool first) const {
  return fmt::format("{}--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n", first ? "" : "\r\n", boundary_, type_,
                     content_range(range, size_));
}

std::string MultipartRanges::end() const {
  return fmt::format("\r\n--{}--\r\n", boundary_);
}

/// False when the end has been begun already.
bool MultipartRanges::begin_next_part() {
  if (next_ > ranges_.size()) return false;
  const bool last = next_ == ranges_.size();
  text_ = last ? end() : head_of(ranges_[next_], next_ == 0);
  put_ = 0;
  if (!last) left_ = ranges_[next_];
  ++next_;
  return true;
}

void MultipartRanges::put_text() {
  const std::size_t count = std::min(text_.size() - put_, kPiece - filled_);
  std::memcpy(piece_.get() + filled_, text_.data() + put_, count);
  put_ += count;
  filled_ += count;
}

Task<Result<void>> MultipartRanges::put_content() {
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left_.length, kPiece - filled_));
  char* const to = piece_.get() + filled_;
  ssize_t got = static_cast<ssize_t>(most);
  if (const auto* bytes = std::get_if<std::string_view>(&content_)) {
    std::memcpy(to, bytes->data() + left_.first, most);
  } else {
    const int fd = std::get<SharedFd>(content_).get();
    got = read_from_memory(fd, to, most, left_.first);
    if (got < 0) {  // not in memory, or a file system that cannot tell
      PooledRead work{fd, to, most, left_.first};
      got = co_await loop_.offload(work);
    }
  }
  if (got < 0) co_return fail(ErrorKind::internal, Side::ours, "a file could not be read");
  if (got == 0) co_return fail(ErrorKind::internal, Side::ours, "a file became shorter while it was sent");
  left_.first += static_cast<std::uint64_t>(got);
  left_.length -= static_cast<std::uint64_t>(got);
  filled_ += static_cast<std::size_t>(got);
  co_return {};
}

Task<Result<BodySource::Chunk>> MultipartRanges::pull() {
  if (!piece_) piece_ = std::make_unique_for_overwrite<char[]>(kPiece);
  filled_ = 0;
  bool more = true;
  while (more && filled_ < kPiece) {
    if (put_ < text_.size()) {
      put_text();
    } else if (left_.length > 0) {
      const Result<void> put = co_await put_content();
      if (!put) co_return std::unexpected(put.error());
    } else {
      more = begin_next_part();
    }
  }
  co_return Chunk{{piece_.get(), filled_}, !more};
}

}  // namespace edge
