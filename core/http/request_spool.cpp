// Reading a body into memory, and from there to a file by a thread that may block.
#include "core/http/request_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace edge {

namespace {

constexpr std::size_t kPiece = 128 * 1024;  // written to the file at a time

UniqueFd open_unlinked(const std::string& directory) {
  UniqueFd file(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string name = directory + "/body-XXXXXX";  // a file system without O_TMPFILE
  file = UniqueFd(mkostemp(name.data(), O_CLOEXEC));
  if (file) unlink(name.c_str());
  return file;
}

Error cannot_spool(int reason, const std::string& directory) {
  const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  return {full ? ErrorKind::no_space : ErrorKind::internal, Side::ours, false,
          "the request body cannot be kept in " + directory + ": " + std::strerror(reason)};
}

}  // namespace

Task<Result<void>> RequestSpool::read(RequestBody& body) {
  length_ = body.length();
  if (body.empty()) co_return {};
  if (length_) memory_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length_, in_memory_)));
  while (true) {
    const Result<std::string_view> piece = co_await body.read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    memory_.append(*piece);
    if (memory_.size() < kPiece) continue;
    const Result<void> written = co_await write_out();
    if (!written) co_return written;
  }
  if (file_ || memory_.size() > in_memory_) {
    const Result<void> written = co_await write_out();
    if (!written) co_return written;
    memory_ = {};
  }
  length_ = in_file_ + memory_.size();
  co_return {};
}

Task<Result<void>> RequestSpool::write_out() {
  const int reason = co_await loop_.offload([this] { return write_memory(); });
  if (reason != 0) co_return std::unexpected(cannot_spool(reason, directory_));
  in_file_ += memory_.size();
  memory_.clear();
  co_return {};
}

/// On the thread pool, while the coroutine waits. 0 or errno.
int RequestSpool::write_memory() {
  if (!file_) file_ = open_unlinked(directory_);
  if (!file_) return errno;
  std::size_t done = 0;
  while (done < memory_.size()) {
    const ssize_t size =
        pwrite(file_.get(), memory_.data() + done, memory_.size() - done, static_cast<off_t>(in_file_ + done));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    done += static_cast<std::size_t>(size);
  }
  return 0;
}

}  // namespace edge
