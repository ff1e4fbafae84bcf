// TlsOutput: what all TLS streams of a loop share while one of them writes.
#pragma once

#include <cstddef>
#include <memory>

namespace edge {

/// One a loop, used by one stream at a time and empty between their calls.
struct TlsOutput {
  static constexpr std::size_t kRecord = 16 * 1024;    // the largest content of a record (RFC 8446, 5.1)
  static constexpr std::size_t kCapacity = 49 * 1024;  // of records that leave together: three of the largest

  std::size_t size = 0;  // of `records`
  std::unique_ptr<char[]> records{new char[kCapacity]};
  std::unique_ptr<char[]> content{new char[kRecord]};  // of files, and of heads joined with bodies
};

}  // namespace edge
