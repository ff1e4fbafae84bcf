// Compressor: bytes in, coded bytes out, for every content coding that edge speaks. Knows nothing of HTTP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/accept_encoding.h"

namespace edge {

/// One stream at a time, and many after another: its memory, at most 7 MiB, is kept from one to the next. May be used
/// on any one thread at a time.
class Compressor {
 public:
  /// What the receiver must be able to decode from what has come out by then.
  enum class Until : std::uint8_t {
    later,  // whatever compresses best
    here,   // everything fed so far
    end,    // everything, and that nothing follows
  };

  virtual ~Compressor() = default;
  /// Begins a stream, whatever has become of the one before. `level` is on the scale of zlib, 1 to 9; each library
  /// turns it into its own level of about the same cost. `size`: bytes in all, when that is certain. False: there is no
  /// memory.
  virtual bool begin(int level, std::optional<std::uint64_t> size) = 0;
  /// Appends to `to` at most a little more than `bytes` and what was held back, which is less than a MiB. False: there
  /// is no memory, or `size` was wrong; the stream is lost.
  virtual bool feed(std::string_view bytes, Until until, std::string& to) = 0;
};

/// Gives a compressor back to the thread that took it.
struct GiveBack {
  Coding coding = Coding::identity;
  void operator()(Compressor* compressor) const noexcept;
};
using TakenCompressor = std::unique_ptr<Compressor, GiveBack>;

/// A compressor that has begun a stream, out of the calling thread's few idle ones or a new one; must end on the same
/// thread, but may be fed elsewhere meanwhile. Null when there is no memory, and when the thread has kMostTaken under
/// way: their memory is bounded, and plain content is always good enough. `coding` is not identity.
inline constexpr std::size_t kMostTaken = 128;
TakenCompressor take_compressor(Coding coding, int level, std::optional<std::uint64_t> size);

/// Appends all of `bytes` to `to`, coded. On any thread. False: there is no compressor, and `to` is of no use.
bool compress_whole(Coding coding, int level, std::string_view bytes, std::string& to);

/// Tells one content from another (CRC-32); nothing for who would forge one.
std::uint32_t checksum_of(std::string_view bytes);

/// One for each library, for take_compressor().
std::unique_ptr<Compressor> make_gzip_compressor();
std::unique_ptr<Compressor> make_brotli_compressor();
std::unique_ptr<Compressor> make_zstd_compressor();

}  // namespace edge
