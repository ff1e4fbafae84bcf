// gzip (RFC 1952) by zlib.
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "core/filters/compressor.h"

namespace edge {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window, and gzip's framing in the place of zlib's
constexpr int kMemory = 8;            // zlib's default: 256 KiB in all
constexpr std::size_t kLeastRoom = 1024;

class GzipCompressor final : public Compressor {
 public:
  GzipCompressor() = default;
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;
  ~GzipCompressor() override {
    if (made_) deflateEnd(&stream_);
  }

  bool begin(int level, std::optional<std::uint64_t>) override {
    if (made_) return deflateReset(&stream_) == Z_OK && deflateParams(&stream_, level, Z_DEFAULT_STRATEGY) == Z_OK;
    made_ = deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) == Z_OK;
    return made_;
  }

  bool feed(std::string_view bytes, Until until, std::string& to) override {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max() / 2;
    while (bytes.size() > kMost) {
      if (!feed_some(bytes.substr(0, kMost), Z_NO_FLUSH, to)) return false;
      bytes.remove_prefix(kMost);
    }
    const int flush = until == Until::end ? Z_FINISH : until == Until::here ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    return feed_some(bytes, flush, to);
  }

 private:
  bool feed_some(std::string_view bytes, int flush, std::string& to) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib reads it only
    stream_.avail_in = static_cast<uInt>(bytes.size());
    const std::size_t room = std::max(bytes.size() / 2, kLeastRoom);
    while (true) {
      const std::size_t before = to.size();
      to.resize(before + room);
      stream_.next_out = reinterpret_cast<Bytef*>(to.data() + before);
      stream_.avail_out = static_cast<uInt>(room);
      const int done = deflate(&stream_, flush);
      to.resize(to.size() - stream_.avail_out);
      if (done == Z_STREAM_END) return true;
      if (done != Z_OK && done != Z_BUF_ERROR) return false;
      if (stream_.avail_out > 0) return flush != Z_FINISH;  // it had room to say all it wanted
    }
  }

  z_stream stream_{};
  bool made_ = false;
};

}  // namespace

std::unique_ptr<Compressor> make_gzip_compressor() {
  return std::make_unique<GzipCompressor>();
}

std::uint32_t checksum_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace edge
