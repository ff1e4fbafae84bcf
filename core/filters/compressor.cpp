// The idle compressors of each thread.
#include "core/filters/compressor.h"

#include <array>
#include <cassert>
#include <vector>

namespace edge {
namespace {

constexpr std::size_t kMostIdle = 2;  // of each coding

struct Compressors {
  std::array<std::vector<std::unique_ptr<Compressor>>, kCodings> idle;
  std::size_t taken = 0;
};
thread_local Compressors of_this_thread;

std::unique_ptr<Compressor> make(Coding coding) {
  switch (coding) {
    case Coding::gzip:
      return make_gzip_compressor();
    case Coding::br:
      return make_brotli_compressor();
    case Coding::zstd:
      return make_zstd_compressor();
    case Coding::identity:
      break;
  }
  assert(false && "identity needs no compressor");
  return nullptr;
}

}  // namespace

void GiveBack::operator()(Compressor* compressor) const noexcept {
  std::unique_ptr<Compressor> back(compressor);
  auto& idle = of_this_thread.idle[static_cast<std::size_t>(coding)];
  --of_this_thread.taken;
  if (idle.size() < kMostIdle) idle.push_back(std::move(back));
}

TakenCompressor take_compressor(Coding coding, int level, std::optional<std::uint64_t> size) {
  if (of_this_thread.taken >= kMostTaken) return {};
  auto& idle = of_this_thread.idle[static_cast<std::size_t>(coding)];
  std::unique_ptr<Compressor> compressor;
  if (idle.empty()) {
    compressor = make(coding);
  } else {
    compressor = std::move(idle.back());
    idle.pop_back();
  }
  if (!compressor->begin(level, size)) return {};
  ++of_this_thread.taken;
  return TakenCompressor(compressor.release(), GiveBack{coding});
}

bool compress_whole(Coding coding, int level, std::string_view bytes, std::string& to) {
  const TakenCompressor compressor = take_compressor(coding, level, bytes.size());
  return compressor && compressor->feed(bytes, Compressor::Until::end, to);
}

}  // namespace edge
