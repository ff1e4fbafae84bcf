// A log's descriptor: opening it, and writing without waiting for a reader.
#include "core/log_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <system_error>

namespace edge {
namespace {

/// O_NONBLOCK: opening a named pipe that nobody reads fails instead of waiting; files do not care.
int open_descriptor(const std::string& where) {
  if (where == "stdout") return ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (where == "stderr") return ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  return ::open(where.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

std::string_view piece_for_pipe(std::string_view lines) {
  if (lines.size() <= PIPE_BUF) return lines;
  const std::size_t end = lines.substr(0, PIPE_BUF).rfind('\n');
  return lines.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
}

}  // namespace

Result<LogSink> LogSink::open(const std::string& where) {
  UniqueFd fd(open_descriptor(where));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    const std::string reason = std::generic_category().message(errno);
    return fail(ErrorKind::internal, Side::ours, "cannot open the log " + where + ": " + reason);
  }
  Kind kind = Kind::file;
  if (S_ISFIFO(status.st_mode) || ::isatty(fd.get()) == 1) kind = Kind::pipe;
  if (S_ISSOCK(status.st_mode)) kind = Kind::socket;
  return LogSink(std::move(fd), kind);
}

ssize_t LogSink::write_some(std::string_view lines) const {
  ssize_t taken = -1;
  if (kind_ == Kind::socket) {
    taken = ::send(fd_.get(), lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (kind_ == Kind::pipe) {
    if (!writable_within(Milliseconds(0))) return -EAGAIN;
    const std::string_view piece = piece_for_pipe(lines);
    taken = ::write(fd_.get(), piece.data(), piece.size());
  } else {
    taken = ::write(fd_.get(), lines.data(), lines.size());
  }
  return taken < 0 ? -errno : taken;
}

void LogSink::wait_writable(Milliseconds at_most) const {
  writable_within(at_most);
}

bool LogSink::writable_within(Milliseconds at_most) const {
  pollfd polled{fd_.get(), POLLOUT, 0};
  return ::poll(&polled, 1, static_cast<int>(at_most.count())) > 0;
}

}  // namespace edge
