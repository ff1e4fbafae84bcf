// zstd (RFC 8878, as a content coding RFC 9659).
#include <zstd.h>

#include <algorithm>

#include "core/filters/compressor.h"

namespace edge {
namespace {

constexpr int kMostLevel = 8;  // from the next on a small answer costs several times as much
// Both bound the memory, to 2 MiB at every level. RFC 9659 allows a window of 8 MiB.
constexpr int kWindow = 18;
constexpr int kTables = 17;

struct Free {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
};

class ZstdCompressor final : public Compressor {
 public:
  bool begin(int level, std::optional<std::uint64_t> size) override {
    if (!context_) context_.reset(ZSTD_createCCtx());
    if (!context_) return false;
    ZSTD_CCtx* const to = context_.get();
    const unsigned long long pledged = size ? *size : ZSTD_CONTENTSIZE_UNKNOWN;
    return good(ZSTD_CCtx_reset(to, ZSTD_reset_session_and_parameters)) &&
           good(ZSTD_CCtx_setParameter(to, ZSTD_c_compressionLevel, std::min(level + 2, kMostLevel))) &&
           good(ZSTD_CCtx_setParameter(to, ZSTD_c_windowLog, kWindow)) &&
           good(ZSTD_CCtx_setParameter(to, ZSTD_c_hashLog, kTables)) &&
           good(ZSTD_CCtx_setParameter(to, ZSTD_c_chainLog, kTables)) && good(ZSTD_CCtx_setPledgedSrcSize(to, pledged));
  }

  bool feed(std::string_view bytes, Until until, std::string& to) override {
    constexpr std::size_t kLeastRoom = 1024;
    const ZSTD_EndDirective directive = until == Until::end    ? ZSTD_e_end
                                        : until == Until::here ? ZSTD_e_flush
                                                               : ZSTD_e_continue;
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    const std::size_t room = std::max(bytes.size() / 2, kLeastRoom);
    while (true) {
      const std::size_t before = to.size();
      to.resize(before + room);
      ZSTD_outBuffer out{to.data() + before, room, 0};
      const std::size_t left = ZSTD_compressStream2(context_.get(), &out, &in, directive);
      to.resize(before + out.pos);
      if (ZSTD_isError(left)) return false;
      if (in.pos == in.size && (left == 0 || until == Until::later)) return true;
    }
  }

 private:
  static bool good(std::size_t result) { return !ZSTD_isError(result); }

  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

}  // namespace

std::unique_ptr<Compressor> make_zstd_compressor() {
  return std::make_unique<ZstdCompressor>();
}

}  // namespace edge
