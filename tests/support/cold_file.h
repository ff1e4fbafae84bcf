// ColdFile: a file whose middle is not in memory. Header only.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "core/page_cache.h"
#include "core/unique_fd.h"
#include "support/temporary_directory.h"

namespace edge::test {

/// Six MiB, of which the third and the fourth lie on the disk only, but for what the kernel keeps in one piece with
/// what is around them. On a file system without a disk nothing does.
class ColdFile {
 public:
  static constexpr std::uint64_t kBegin = 2 << 20;
  static constexpr std::uint64_t kMiddle = 3 << 20;
  static constexpr std::uint64_t kEnd = 4 << 20;

  ColdFile() {
    while (content_.size() < 6 << 20) content_ += std::to_string(content_.size()) + ",";
    fd_ = UniqueFd(::open(folder_.write("file", content_).c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(::fsync(fd_.get()) == 0);
    REQUIRE(::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_RANDOM) == 0);  // or the kernel is ahead of who reads slowly
    cool();
  }

  /// Takes the hole out of memory. A look at it starts to read it, so a slow process may find there at its next look
  /// what was not there before: whatever is on its way arrives first.
  void cool() const {
    for (std::uint64_t at = kBegin; at < kEnd; at += kPiece) {
      char piece[kPiece];
      REQUIRE(::pread(fd_.get(), piece, kPiece, static_cast<off_t>(at)) == ssize_t{kPiece});
    }
    REQUIRE(::posix_fadvise(fd_.get(), kBegin, kEnd - kBegin, POSIX_FADV_DONTNEED) == 0);
  }
  /// Whether a look finds the hole, in one of several tries: the kernel need not let go of what it has just touched,
  /// and the look of a thread that is put aside may find what it has begun to read itself.
  template <class Look>
  bool finds_hole(Look look) const {
    return finds_all([&] {
      cool();
      return look();
    });
  }
  /// Whether `look` finds in memory what it has just brought there, in one of several tries: the kernel may have let go
  /// of it, when other programs want the memory.
  template <class Look>
  bool finds_all(Look look) const {
    bool found = false;
    for (int tries = 0; tries < kTries && !found; ++tries) found = look();
    return found;
  }
  int fd() const { return fd_.get(); }
  const std::string& content() const { return content_; }
  /// False: this file system keeps it in memory all the same, so there is nothing to test.
  bool is_cold() const {
    const bool cold = finds_hole([this] {
      char byte;
      return read_from_memory(fd_.get(), &byte, 1, kMiddle) < 0;
    });
    cool();
    if (!cold) MESSAGE("the temporary folder is in memory: nothing can be cold there");
    return cold;
  }

 private:
  static constexpr std::size_t kPiece = 64 << 10;
  static constexpr int kTries = 300;  // there are spells, of tens of tries, in which nothing is let go

  TemporaryDirectory folder_;
  std::string content_;
  UniqueFd fd_;
};

}  // namespace edge::test
