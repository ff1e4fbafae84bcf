// TlsOutput: what all TLS streams of a loop share while one of them writes.
#pragma once

#include <cstddef>
#include <memory>

namespace edge {

/// One a loop, used by one stream at a time and empty between their calls.
struct TlsOutput {
  static constexpr std::size_t kRecord = 16 * 1024;                  // the largest content of a record
  static constexpr std::size_t kContent = 64 * 1024;                 // goes out in one call of the kernel
  static constexpr std::size_t kCapacity = kContent + kContent / 8;  // with what TLS adds to records of any cipher

  std::size_t size = 0;  // of `records`
  std::unique_ptr<char[]> records{new char[kCapacity]};
  std::unique_ptr<char[]> content{new char[kContent]};  // of files, and heads joined with bodies
};

}  // namespace edge
