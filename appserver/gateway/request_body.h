// A request's body where the edge has put it: bytes of the mailbox's message, or a file of its own. Read once,
// forwards.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "appserver/gateway/descriptor.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// Reading needs the interpreter's lock, which is released while a file is read. Results are new references to bytes,
/// or null with an error set; at the end of the body they are empty.
class RequestBody {
 public:
  /// A new request. `bytes` live until close().
  void open(std::string_view bytes);
  void open(Descriptor file, std::uint64_t size);
  /// The request is over: the bytes go, and reading is an error from now on, in whatever thread.
  void close();

  /// At most `most` bytes; all that is left when it is negative.
  PyObject* read(Py_ssize_t most);
  /// Up to and with the next newline, at most `most` bytes when it is not negative.
  PyObject* read_line(Py_ssize_t most);

 private:
  static constexpr std::size_t kWindow = 64 * 1024;

  bool check_open() const;
  std::uint64_t at_most(Py_ssize_t most) const;
  PyObject* take(std::uint64_t size);
  bool read_file(char* to, std::uint64_t size, std::uint64_t offset);
  bool find_line_end(std::uint64_t limit, std::uint64_t& size);
  bool fill_window(std::uint64_t offset);

  std::string_view bytes_;
  Descriptor file_;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
  bool open_ = false;
  int file_users_ = 0;  // threads that read the file without the lock; the last one closes it
  // A piece of the file, for lines. Kept from the first line on, until the body is closed.
  std::unique_ptr<char[]> window_;
  std::uint64_t window_offset_ = 0;
  std::size_t window_size_ = 0;
  bool window_in_use_ = false;
};

}  // namespace edge::gateway
