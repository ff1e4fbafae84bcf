// ResponseWriter: how the pump sends one answer through a front door. Implemented by each door for one request.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/response.h"
#include "core/result.h"
#include "core/task.h"

namespace edge {

class ResponseWriter {
 public:
  /// Queues the head. `length`: size of the content in bytes; nothing: it is known at its end (chunks, or the end of
  /// the connection for HTTP/1.0). `has_content` is false for HEAD, 204 and 304: then write() must not be called.
  virtual void write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) = 0;

  /// Queues content if that needs no waiting and no system call; else false, and nothing was queued.
  virtual bool try_write(std::string_view content) = 0;
  /// Queues or sends all of `content`, which must stay valid until the task has ended.
  virtual Task<Result<void>> write(std::string_view content) = 0;

  /// Reads a small range of a file that is in the page cache into the queue; else false, and nothing was queued.
  virtual bool try_write_file(int fd, std::uint64_t offset, std::uint64_t length) = 0;
  /// Sends a range of a file. An error if the file has become shorter.
  virtual Task<Result<void>> write_file(int fd, std::uint64_t offset, std::uint64_t length) = 0;

  /// Sends what is queued, so that the client sees it now. Waits until the kernel has taken it.
  virtual Task<Result<void>> flush() = 0;

  /// The content is complete. What is queued leaves at the end of the connection's turn. `trailers`: what follows the
  /// content, if the client takes such fields and the protocol has a place for them; null: nothing.
  virtual void finish(const HeaderList* trailers) = 0;
  /// The content cannot be completed: the connection is closed so that nobody takes the part for the whole.
  virtual void abort() = 0;

  /// Bytes given to the kernel or queued for this answer, head included.
  virtual std::uint64_t bytes_written() const = 0;

 protected:
  ~ResponseWriter() = default;
};

}  // namespace edge
