// Bytes out of the message, or pread from the file.
#include "appserver/gateway/request_body.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace edge::gateway {

void RequestBody::open(std::string_view bytes) {
  bytes_ = bytes;
  size_ = bytes.size();
  position_ = 0;
  open_ = true;
}

void RequestBody::open(Descriptor file, std::uint64_t size) {
  file_ = std::move(file);
  size_ = size;
  position_ = 0;
  open_ = true;
}

void RequestBody::close() {
  open_ = false;
  bytes_ = {};
  if (file_users_ > 0) return;
  file_.reset();
  window_.reset();
  window_size_ = 0;
}

bool RequestBody::check_open() const {
  if (open_) return true;
  PyErr_SetString(PyExc_ValueError, "wsgi.input was read after its request had ended");
  return false;
}

std::uint64_t RequestBody::at_most(Py_ssize_t most) const {
  const std::uint64_t left = size_ - position_;
  return most < 0 ? left : std::min(left, static_cast<std::uint64_t>(most));
}

PyObject* RequestBody::read(Py_ssize_t most) {
  return check_open() ? take(at_most(most)) : nullptr;
}

PyObject* RequestBody::read_line(Py_ssize_t most) {
  if (!check_open()) return nullptr;
  std::uint64_t size = 0;
  return find_line_end(at_most(most), size) ? take(size) : nullptr;
}

PyObject* RequestBody::take(std::uint64_t size) {
  if (!file_) {
    PyObject* bytes = PyBytes_FromStringAndSize(bytes_.data() + position_, static_cast<Py_ssize_t>(size));
    if (bytes != nullptr) position_ += size;
    return bytes;
  }
  if (size > static_cast<std::uint64_t>(PY_SSIZE_T_MAX)) return PyErr_NoMemory();
  Ref bytes = Ref::owned(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
  if (!bytes || size == 0) return bytes.release();
  char* to = PyBytes_AsString(bytes.get());
  // Moved before the lock is released, so that two threads which read the same body never get the same bytes.
  const std::uint64_t offset = position_;
  position_ += size;
  if (offset >= window_offset_ && offset + size <= window_offset_ + window_size_ && !window_in_use_) {
    std::memcpy(to, window_.get() + (offset - window_offset_), size);
    return bytes.release();
  }
  return read_file(to, size, offset) ? bytes.release() : nullptr;
}

bool RequestBody::read_file(char* to, std::uint64_t size, std::uint64_t offset) {
  int reason = 0;
  bool cut = false;
  ++file_users_;
  {
    WithoutLock without_lock;
    while (size > 0) {
      const ssize_t got = pread(file_.get(), to, size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      reason = got < 0 ? errno : 0;
      cut = got == 0;
      if (got <= 0) break;
      to += got;
      size -= static_cast<std::uint64_t>(got);
      offset += static_cast<std::uint64_t>(got);
    }
  }
  --file_users_;
  if (!open_) close();
  errno = reason;
  if (reason != 0) PyErr_SetFromErrno(PyExc_OSError);
  if (cut) PyErr_SetString(PyExc_OSError, "the file that holds the request's body is too short");
  return reason == 0 && !cut;
}

bool RequestBody::find_line_end(std::uint64_t limit, std::uint64_t& size) {
  size = limit;
  if (limit == 0) return true;
  if (!file_) {
    const char* from = bytes_.data() + position_;
    const void* end = std::memchr(from, '\n', limit);
    if (end != nullptr) size = static_cast<std::uint64_t>(static_cast<const char*>(end) - from) + 1;
    return true;
  }
  for (std::uint64_t seen = 0; seen < limit;) {
    const std::uint64_t offset = position_ + seen;
    if (offset < window_offset_ || offset >= window_offset_ + window_size_) {
      if (!fill_window(offset)) return false;
    }
    const char* from = window_.get() + (offset - window_offset_);
    const std::uint64_t here = std::min<std::uint64_t>(limit - seen, window_offset_ + window_size_ - offset);
    const void* end = std::memchr(from, '\n', here);
    if (end != nullptr) {
      size = seen + static_cast<std::uint64_t>(static_cast<const char*>(end) - from) + 1;
      return true;
    }
    seen += here;
  }
  return true;
}

bool RequestBody::fill_window(std::uint64_t offset) {
  if (window_in_use_) {
    PyErr_SetString(PyExc_RuntimeError, "two threads read lines of the same wsgi.input");
    return false;
  }
  if (!window_) window_ = std::make_unique_for_overwrite<char[]>(kWindow);
  const std::size_t size = std::min<std::uint64_t>(kWindow, size_ - offset);
  window_size_ = 0;
  window_in_use_ = true;
  const bool filled = read_file(window_.get(), size, offset);
  window_in_use_ = false;
  if (!filled || !check_open()) return false;
  window_offset_ = offset;
  window_size_ = size;
  return true;
}

}  // namespace edge::gateway
