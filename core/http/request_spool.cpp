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

// Of a body that goes to the file, so much is written at a time: each time costs a trip to the thread pool, which is as
// dear as writing 100 KiB.
constexpr std::size_t kLeastPiece = 128 * 1024;  // for which there is always memory
constexpr std::size_t kMostPiece = 512 * 1024;

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
  while (true) {
    const Result<std::string_view> piece = co_await body.read();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (!make_room(piece->size())) {
      const Result<void> written = co_await write_out();
      if (!written) co_return written;
    }
    memory_.append(*piece);
  }
  if (file_ || !may_stay()) {
    const Result<void> written = co_await write_out();
    if (!written) co_return written;
    memory_ = {};
    share_.give_back();
  }
  length_ = in_file_ + memory_.size();
  co_return {};
}

/// Of what is still to be read.
std::size_t RequestSpool::most_at_once() const {
  const bool may_be_kept = length_.value_or(0) <= in_memory_.large;
  return std::max(may_be_kept ? in_memory_.large : 0, kMostPiece);
}

/// For another piece. False: what is there has to be written first.
bool RequestSpool::make_room(std::size_t size) {
  const std::size_t needed = memory_.size() + size;
  if (memory_.capacity() >= needed) return true;
  const std::size_t most = most_at_once();
  std::size_t wanted = std::max<std::size_t>(needed, std::min<std::uint64_t>(length_.value_or(2 * needed), most));
  if (wanted > kLeastPiece && (needed > most || !share_.reach(wanted))) {
    if (needed > kLeastPiece) return false;
    wanted = kLeastPiece;
  }
  std::string larger;  // string::reserve() would take up to twice of what there was
  larger.reserve(wanted);
  memory_ = std::move(larger.append(memory_));
  return true;
}

bool RequestSpool::may_stay() {
  if (memory_.size() <= in_memory_.small) return true;
  return memory_.size() <= in_memory_.large && share_.reach(memory_.size());
}

Task<Result<void>> RequestSpool::write_out() {
  if (memory_.empty()) co_return {};
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
