// RequestSpool: a request's body, read to its end before a worker or another server is asked: small ones in memory,
// larger ones too while there is memory for them, all others in an unlinked temporary file. So a slow client holds
// neither worker nor server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/http/request_body.h"
#include "core/http/spool_memory.h"
#include "core/net/loop.h"
#include "core/task.h"
#include "core/unique_fd.h"

namespace edge {

/// On one loop; nothing of it outlives the object.
class RequestSpool {
 public:
  /// Bytes.
  struct Limits {
    std::size_t small = 0;  // a body of so many is kept in memory
    std::size_t large =
        0;  // one of so many is too, if the loop's SpoolMemory has room for it; may be less than `small`
  };
  /// `directory` is where the temporary file would be made; it must outlive the spool.
  RequestSpool(Loop& loop, const std::string& directory, Limits in_memory)
      : loop_(loop), directory_(directory), in_memory_(in_memory) {}
  /// As with Limits{.small = in_memory}.
  RequestSpool(Loop& loop, const std::string& directory, std::size_t in_memory)
      : RequestSpool(loop, directory, Limits{.small = in_memory}) {}
  RequestSpool(const RequestSpool&) = delete;
  RequestSpool& operator=(const RequestSpool&) = delete;

  /// Once. Errors: those of the body; no_space when the disk is full; internal when there can be no file.
  Task<Result<void>> read(RequestBody& body);

  /// Bytes in all; nothing when the request announced no body.
  std::optional<std::uint64_t> length() const { return length_; }
  /// The whole body, when file() is -1.
  std::string_view bytes() const { return memory_; }
  /// A file whose content is the body, or -1.
  int file() const { return file_.get(); }

 private:
  std::size_t most_at_once() const;
  bool make_room(std::size_t size);
  bool may_stay();
  Task<Result<void>> write_out();
  int write_memory();

  Loop& loop_;
  const std::string& directory_;
  const Limits in_memory_;
  std::string memory_;
  SpoolMemory share_;  // what memory_ may hold beyond what every spool may
  UniqueFd file_;
  std::uint64_t in_file_ = 0;
  std::optional<std::uint64_t> length_;
};

}  // namespace edge
