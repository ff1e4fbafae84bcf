// SharedFd: one file descriptor with several owners; the last one closes it.
#pragma once

#include <memory>

#include "core/unique_fd.h"

namespace edge {

class SharedFd {
 public:
  SharedFd() = default;
  /// Of none there is none.
  SharedFd(UniqueFd fd) : fd_(fd ? std::make_shared<const UniqueFd>(std::move(fd)) : nullptr) {}

  int get() const { return fd_ ? fd_->get() : -1; }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  void reset() { fd_.reset(); }

 private:
  std::shared_ptr<const UniqueFd> fd_;
};

}  // namespace edge
