// Reading a pipe and cutting it into lines.
#include "appserver/output_lines.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace edge {

namespace {

constexpr std::size_t kRead = 16 * 1024;
constexpr int kMostReadsAtOnce = 256;  // of a process that never stops writing

}  // namespace

Result<OutputLines::Ref> OutputLines::open(Loop& loop, UniqueFd pipe, Line line) {
  auto* const lines = new OutputLines(std::move(line));
  if (lines->watch(loop, pipe.release()) == 0) return Ref(lines);
  delete lines;
  return fail(ErrorKind::internal, Side::ours, "the main loop cannot watch an app's output");
}

void OutputLines::finish() {
  line_ = nullptr;
  close();
}

void OutputLines::on_readable() {
  read_some();
}

void OutputLines::read_all() {
  for (int i = 0; i < kMostReadsAtOnce; ++i) {
    if (!read_some()) break;
  }
  end_line();
}

bool OutputLines::read_some() {
  char bytes[kRead];
  const ssize_t size = read(fd(), bytes, sizeof bytes);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    end_line();
    want_read(false);
    return false;
  }
  cut({bytes, static_cast<std::size_t>(size)});
  return true;
}

void OutputLines::cut(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t size = std::min({end, bytes.size(), kMaxLine - begun_.size()});
    begun_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (!bytes.empty() && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      if (begun_.empty()) continue;
      end_line();
    } else if (begun_.size() == kMaxLine) {
      end_line();
    }
  }
}

void OutputLines::end_line() {
  if (!begun_.empty() && line_) line_(begun_);
  begun_.clear();
}

}  // namespace edge
