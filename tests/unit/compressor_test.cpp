// Compressors: what goes in comes out of a decoder, whole, in pieces, and as early as it must.
#include "core/filters/compressor.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "support/decoded.h"

using namespace edge;
using edge::test::Decoded;
using edge::test::decoded;
using Until = Compressor::Until;

namespace {

constexpr std::array kCoded = {Coding::gzip, Coding::br, Coding::zstd};

/// Text that compresses about as well as a page does.
std::string page(std::size_t size) {
  std::minstd_rand random(7);
  std::string text;
  while (text.size() < size) text += "<li class=\"entry\">" + std::to_string(random() % 1000) + "</li>\n";
  text.resize(size);
  return text;
}

std::string noise(std::size_t size) {
  std::minstd_rand random(3);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random() >> 8);
  return text;
}

/// Few compress so badly for their size: bytes that repeat, but hardly ever for long.
std::string short_repetitions(std::size_t size, std::size_t of, std::size_t long_each, bool with_others) {
  const std::string source = noise(of + long_each);
  std::minstd_rand random(5);
  std::string text;
  while (text.size() < size) {
    if (with_others) text += static_cast<char>(random() >> 8U & 1U);
    text.append(source, random() % of, long_each);
  }
  text.resize(size);
  return text;
}

/// What the program has from malloc(); 0 where a sanitizer counts for itself.
std::size_t allocated() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

std::unique_ptr<Compressor> make(Coding coding) {
  if (coding == Coding::gzip) return make_gzip_compressor();
  return coding == Coding::br ? make_brotli_compressor() : make_zstd_compressor();
}

std::string whole(Coding coding, int level, std::string_view text) {
  std::string coded;
  REQUIRE(compress_whole(coding, level, text, coded));
  return coded;
}

}  // namespace

TEST_CASE("bytes of every size come back at every level") {
  for (const Coding coding : kCoded) {
    for (int level = 1; level <= 9; ++level) {
      for (const std::size_t size : {0UL, 1UL, 700UL, 20'000UL, 400'000UL}) {
        CAPTURE(coding_name(coding));
        CAPTURE(level);
        const std::string text = page(size);
        const std::string coded = whole(coding, level, text);
        const std::optional<Decoded> back = decoded(coding, coded);
        REQUIRE(back);
        CHECK(back->whole);
        CHECK((back->text == text));
        if (size >= 700) CHECK(coded.size() < size / 2);
      }
    }
  }
}

TEST_CASE("what cannot be made smaller becomes only a little larger") {
  const std::string text = noise(300'000);
  for (const Coding coding : kCoded) {
    CAPTURE(coding_name(coding));
    const std::string coded = whole(coding, 5, text);
    CHECK(coded.size() < text.size() + text.size() / 500 + 100);
    CHECK((decoded(coding, coded)->text == text));
  }
}

TEST_CASE("a stream can be decoded up to each place where that was asked, and ends where it ends") {
  const std::string text = page(50'000);
  for (const Coding coding : kCoded) {
    CAPTURE(coding_name(coding));
    const TakenCompressor compressor = take_compressor(coding, 5, std::nullopt);
    std::string coded;
    std::size_t fed = 0;
    for (const std::size_t piece : {1UL, 10UL, 0UL, 3'000UL, 20'000UL}) {
      REQUIRE(compressor->feed(std::string_view(text).substr(fed, piece), Until::here, coded));
      fed += piece;
      const std::optional<Decoded> so_far = decoded(coding, coded);
      REQUIRE(so_far);
      CHECK((so_far->text == text.substr(0, fed)));
      CHECK(!so_far->whole);
    }
    REQUIRE(compressor->feed(std::string_view(text).substr(fed, 5'000), Until::later, coded));
    REQUIRE(compressor->feed(std::string_view(text).substr(fed + 5'000), Until::end, coded));
    const std::optional<Decoded> all = decoded(coding, coded);
    REQUIRE(all);
    CHECK(all->whole);
    CHECK((all->text == text));
  }
}

TEST_CASE("a compressor begins anew, also after a stream that was broken off, and at another level") {
  const std::string text = page(30'000);
  for (const Coding coding : kCoded) {
    CAPTURE(coding_name(coding));
    const std::string low = whole(coding, 1, text);
    const std::string high = whole(coding, 9, text);
    CHECK(low.size() > high.size());
    for (int i = 0; i < 5; ++i) {
      std::string lost;
      {
        const TakenCompressor broken_off = take_compressor(coding, 5, std::nullopt);
        REQUIRE(broken_off->feed(noise(10'000), Until::here, lost));
      }
      CHECK((whole(coding, 1, text) == low));
      CHECK((whole(coding, 9, text) == high));
    }
  }
}

TEST_CASE("the memory of a compressor is bounded at every level, for every size, and from one stream to the next") {
  struct Row {
    Coding coding;
    std::size_t most;
  };
  constexpr std::size_t kKiB = 1024;
  const std::array texts = {short_repetitions(4 << 20, 64, 6, false), short_repetitions(2 << 20, 4'096, 4, true)};
  for (const Row row : {Row{Coding::gzip, 300 * kKiB}, {Coding::br, 7'000 * kKiB}, {Coding::zstd, 2'100 * kKiB}}) {
    for (const std::string& text : texts) {
      for (const std::optional<std::uint64_t> size : {std::optional<std::uint64_t>(text.size()), {}}) {
        std::string coded;
        coded.reserve(text.size() * 2);
        const std::size_t before = allocated();
        const std::unique_ptr<Compressor> compressor = make(row.coding);
        for (int level = 9; level >= 1; --level) {
          CAPTURE(coding_name(row.coding));
          CAPTURE(level);
          coded.clear();
          REQUIRE(compressor->begin(level, size));
          REQUIRE(compressor->feed(std::string_view(text).substr(0, text.size() - 1), Until::here, coded));
          CHECK(allocated() - before <= row.most);
          REQUIRE(compressor->feed(std::string_view(text).substr(text.size() - 1), Until::end, coded));
        }
      }
    }
  }
}

TEST_CASE("a thread has so many compressors under way and no more, until one is given back") {
  std::vector<TakenCompressor> taken;
  for (std::size_t i = 0; i < kMostTaken; ++i) taken.push_back(take_compressor(Coding::gzip, 1, std::nullopt));
  CHECK(taken.back());
  CHECK(!take_compressor(Coding::zstd, 1, std::nullopt));
  std::string coded;
  CHECK(!compress_whole(Coding::gzip, 1, "text", coded));
  taken.pop_back();
  CHECK(compress_whole(Coding::gzip, 1, "text", coded));
  CHECK(take_compressor(Coding::zstd, 1, std::nullopt));
}
