// Pieces and pauses between them.
#include "core/limits/paced_writer.h"

#include <utility>

#include "core/net/pause.h"

namespace edge {

bool PacedWriter::lets_pass(std::uint64_t bytes) {
  return pacer_.ready(bytes, request_.loop.now()) == bytes;
}

void PacedWriter::note_slowed() {
  if (!std::exchange(slowed_, true)) limits_.note_slowed(request_);
}

Task<Result<std::uint64_t>> PacedWriter::turn(std::uint64_t wanted) {
  const bool dry_run = limits_.bandwidth()->identity.dry_run;
  while (true) {
    const std::uint64_t ready = pacer_.ready(wanted, request_.loop.now());
    if (ready < wanted) note_slowed();
    if (dry_run && slowed_) co_return wanted;
    if (ready > 0) {
      pacer_.sent(ready);
      co_return ready;
    }
    const Result<void> flushed = co_await door_.flush();
    if (!flushed) co_return std::unexpected(flushed.error());
    Pause pause(request_.loop, request_.cancellation, pacer_.wait(wanted));
    const bool stays = co_await pause;
    if (!stays) co_return fail(ErrorKind::closed, Side::client, "the client closed the connection");
  }
}

bool PacedWriter::try_write(std::string_view content) {
  if (!lets_pass(content.size()) || !door_.try_write(content)) return false;
  pacer_.sent(content.size());
  return true;
}

Task<Result<void>> PacedWriter::write(std::string_view content) {
  while (!content.empty()) {
    const Result<std::uint64_t> ready = co_await turn(content.size());
    if (!ready) co_return std::unexpected(ready.error());
    const Result<void> written = co_await door_.write(content.substr(0, *ready));
    if (!written) co_return written;
    content.remove_prefix(*ready);
  }
  co_return {};
}

bool PacedWriter::try_write_file(int fd, std::uint64_t offset, std::uint64_t length) {
  if (!lets_pass(length) || !door_.try_write_file(fd, offset, length)) return false;
  pacer_.sent(length);
  return true;
}

Task<Result<void>> PacedWriter::write_file(int fd, std::uint64_t offset, std::uint64_t length) {
  while (length > 0) {
    const Result<std::uint64_t> ready = co_await turn(length);
    if (!ready) co_return std::unexpected(ready.error());
    const Result<void> written = co_await door_.write_file(fd, offset, *ready);
    if (!written) co_return written;
    offset += *ready;
    length -= *ready;
  }
  co_return {};
}

}  // namespace edge
