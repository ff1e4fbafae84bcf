// Content codings taken off again, for tests of what puts them on. Header only.
#pragma once

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/accept_encoding.h"

namespace edge::test {

/// What a receiver has decoded, and whether the stream has ended there.
struct Decoded {
  std::string text;
  bool whole = false;
};

inline std::optional<Decoded> gunzip(std::string_view coded) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
  stream.avail_in = static_cast<uInt>(coded.size());
  Decoded decoded;
  char room[4096];
  int done = Z_OK;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(room);
    stream.avail_out = sizeof room;
    done = inflate(&stream, Z_SYNC_FLUSH);
    decoded.text.append(room, sizeof room - stream.avail_out);
  } while (done == Z_OK);
  decoded.whole = done == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (done != Z_STREAM_END && done != Z_BUF_ERROR) return std::nullopt;
  return decoded;
}

inline std::optional<Decoded> unbrotli(std::string_view coded) {
  using State = std::unique_ptr<BrotliDecoderState, void (*)(BrotliDecoderState*)>;
  const State state(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  std::size_t left = coded.size();
  auto* next = reinterpret_cast<const std::uint8_t*>(coded.data());
  Decoded decoded;
  BrotliDecoderResult done = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
  while (done == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
    std::size_t no_room = 0;
    done = BrotliDecoderDecompressStream(state.get(), &left, &next, &no_room, nullptr, nullptr);
    std::size_t size = 0;
    const std::uint8_t* const made = BrotliDecoderTakeOutput(state.get(), &size);
    decoded.text.append(reinterpret_cast<const char*>(made), size);
  }
  if (done == BROTLI_DECODER_RESULT_ERROR) return std::nullopt;
  decoded.whole = done == BROTLI_DECODER_RESULT_SUCCESS && left == 0;
  return decoded;
}

inline std::optional<Decoded> unzstd(std::string_view coded) {
  const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  ZSTD_inBuffer in{coded.data(), coded.size(), 0};
  Decoded decoded;
  char room[4096];
  std::size_t left = 1;
  for (bool full = false; full || in.pos < in.size;) {
    ZSTD_outBuffer out{room, sizeof room, 0};
    left = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(left)) return std::nullopt;
    decoded.text.append(room, out.pos);
    full = out.pos == out.size;
  }
  decoded.whole = left == 0;
  return decoded;
}

/// Nothing: `coded` is not in that coding.
inline std::optional<Decoded> decoded(Coding coding, std::string_view coded) {
  switch (coding) {
    case Coding::gzip:
      return gunzip(coded);
    case Coding::br:
      return unbrotli(coded);
    case Coding::zstd:
      return unzstd(coded);
    case Coding::identity:
      break;
  }
  return Decoded{std::string(coded), true};
}

}  // namespace edge::test
