// LogFile: order, batches, full disks, slow and broken pipes, reopening, the limit, the end.
#include "core/log_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/log_files.h"
#include "core/unique_fd.h"
#include "support/captured_log.h"
#include "support/file_content.h"
#include "support/temporary_directory.h"

using namespace edge;
using edge::test::CapturedLog;
using edge::test::file_content;
using edge::test::TemporaryDirectory;

namespace {

std::unique_ptr<LogFile> open_log(const std::filesystem::path& path) {
  auto opened = LogFile::open(path);
  REQUIRE(opened);
  return std::move(*opened);
}

/// Reads `size` bytes, or what comes until nothing has come for ten seconds.
std::string read_exactly(int fd, std::size_t size) {
  std::string text;
  std::array<char, 65536> buffer;
  pollfd polled{fd, POLLIN, 0};
  while (text.size() < size && ::poll(&polled, 1, 10'000) > 0) {
    const ssize_t got = ::read(fd, buffer.data(), std::min(buffer.size(), size - text.size()));
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// A named pipe with a reader, which reads nothing by itself.
class NamedPipe {
 public:
  NamedPipe() {
    REQUIRE(::mkfifo(path().c_str(), 0600) == 0);
    attach();
  }
  std::filesystem::path path() const { return folder_ / "pipe"; }
  void attach() { reader_ = UniqueFd(::open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)); }
  void detach() { reader_.reset(); }
  std::string read(std::size_t size) const { return read_exactly(reader_.get(), size); }

 private:
  TemporaryDirectory folder_;
  UniqueFd reader_;
};

std::string numbered_lines(int from, int to, std::size_t width = 0) {
  std::string lines;
  for (int i = from; i < to; ++i) lines += "line " + std::to_string(i) + std::string(width, '.') + "\n";
  return lines;
}

/// A log that standard output leads to, when that is `descriptor`.
std::unique_ptr<LogFile> open_as_stdout(int descriptor) {
  const UniqueFd kept(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  ::dup2(descriptor, STDOUT_FILENO);
  auto opened = LogFile::open("stdout");
  ::dup2(kept.get(), STDOUT_FILENO);
  REQUIRE(opened);
  return std::move(*opened);
}

}  // namespace

TEST_CASE("lines arrive in order, and the file is made for its owner and group") {
  const TemporaryDirectory folder;
  const auto file = open_log(folder / "a.log");
  file->append("one\n");
  file->append("two\n", LogFile::Urgency::prompt);
  file->append("three\n");
  CHECK(file->flush());
  CHECK(file_content(folder / "a.log") == "one\ntwo\nthree\n");
  struct stat status{};
  REQUIRE(::stat((folder / "a.log").c_str(), &status) == 0);
  CHECK((status.st_mode & 0137) == 0);
  CHECK(file->where() == folder / "a.log");
}

TEST_CASE("an existing file is appended to") {
  const TemporaryDirectory folder;
  folder.write("a.log", "before\n");
  open_log(folder / "a.log")->append("after\n");
  CHECK(file_content(folder / "a.log") == "before\nafter\n");
}

TEST_CASE("a line is written without anybody asking for it") {
  const NamedPipe pipe;
  const auto file = open_log(pipe.path());
  file->append("batched\n");
  CHECK(pipe.read(8) == "batched\n");
  file->append("prompt\n", LogFile::Urgency::prompt);
  CHECK(pipe.read(7) == "prompt\n");
}

TEST_CASE("lines of several threads stay whole, and each thread's in order") {
  const TemporaryDirectory folder;
  constexpr int kThreads = 4;
  constexpr int kLines = 2'000;
  {
    const auto file = open_log(folder / "a.log");
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&file, thread] {
        for (int i = 0; i < kLines; ++i) {
          file->append(std::to_string(thread) + " " + std::to_string(i) + "\n");
          if (i % 500 == 0) file->reopen();
          if (i % 700 == 0) file->flush();
        }
      });
    }
  }
  std::istringstream lines(file_content(folder / "a.log"));
  std::map<int, int> next;
  for (int thread = 0, number = 0; lines >> thread >> number;) REQUIRE(next[thread]++ == number);
  CHECK(next == std::map<int, int>{{0, kLines}, {1, kLines}, {2, kLines}, {3, kLines}});
}

TEST_CASE("what cannot be opened is an error with its path and reason") {
  const TemporaryDirectory folder;
  const auto error_of = [](const std::string& where) {
    const auto opened = LogFile::open(where);
    return opened ? std::string("opened") : opened.error().context;
  };
  const std::string missing = folder / "missing" / "a.log";
  CHECK(error_of(missing) == "cannot open the log " + missing + ": No such file or directory");
  CHECK(error_of(folder.path()).ends_with(": Is a directory"));
  const std::string pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(error_of(pipe).starts_with("cannot open the log " + pipe));
}

TEST_CASE("reopening after a rename divides the lines by the moment of the call") {
  const TemporaryDirectory folder;
  const auto file = open_log(folder / "a.log");
  file->append("old\n");
  CHECK(file->flush());
  file->append("waiting\n");
  std::filesystem::rename(folder / "a.log", folder / "a.log.1");
  file->reopen();
  file->append("new\n");
  CHECK(file->flush());
  CHECK(file_content(folder / "a.log.1") == "old\nwaiting\n");
  CHECK(file_content(folder / "a.log") == "new\n");
}

TEST_CASE("a file that cannot be opened again stays in use, and the error log says so") {
  CapturedLog captured;
  const TemporaryDirectory folder;
  std::filesystem::create_directory(folder / "logs");
  const auto file = open_log(folder / "logs" / "a.log");
  std::filesystem::rename(folder / "logs", folder / "moved");
  file->reopen();
  file->append("still here\n");
  CHECK(file->flush());
  CHECK(file_content(folder / "moved" / "a.log") == "still here\n");
  CHECK(captured.contains("cannot open the log " + (folder / "logs" / "a.log").string() + ": No such file"));
}

TEST_CASE("a full disk loses nothing that fits the limit") {
  CapturedLog captured;
  const TemporaryDirectory folder;
  std::filesystem::create_symlink("/dev/full", folder / "a.log");
  const auto file = open_log(folder / "a.log");
  file->append("first\n");
  CHECK_FALSE(file->flush());
  file->append("second\n");
  CHECK_FALSE(file->flush());
  CHECK(captured.contains("a.log: cannot be written: No space left on device"));

  std::filesystem::remove(folder / "a.log");
  file->reopen();
  CHECK((file->flush() || file->flush()));  // an attempt that began before may end in the first
  CHECK(file_content(folder / "a.log") == "first\nsecond\n");
}

TEST_CASE("the end does not wait for a full disk, and says what was lost") {
  CapturedLog captured;
  open_log("/dev/full")->append("lost\n");
  CHECK(captured.contains("log /dev/full: 5 bytes could not be written before the end"));
}

TEST_CASE("a pipe that nobody reads holds up nobody, and gets everything later") {
  const NamedPipe pipe;
  const auto file = open_log(pipe.path());
  const std::string lines = numbered_lines(0, 50'000);
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', std::min(at + 1'000, lines.size() - 1)) + 1;
    file->append(std::string_view(lines).substr(at, end - at));
    at = end;
  }
  CHECK(pipe.read(lines.size()) == lines);
}

TEST_CASE("pieces for a pipe end with a line, so that other writers' lines stay whole too") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_DIRECT) == 0);  // packets: one read is one write
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  const std::string lines = numbered_lines(0, 1'000);
  const auto file = open_as_stdout(writer.get());
  file->append(lines);
  std::string all;
  std::array<char, 65536> buffer;
  while (all.size() < lines.size()) {
    const ssize_t got = ::read(reader.get(), buffer.data(), buffer.size());
    REQUIRE(got > 0);
    REQUIRE(buffer[static_cast<std::size_t>(got) - 1] == '\n');
    all.append(buffer.data(), static_cast<std::size_t>(got));
  }
  CHECK(all == lines);
}

TEST_CASE("a socket as standard output is written without waiting for its reader") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const auto file = open_as_stdout(writer.get());
  writer.reset();
  const std::string lines = numbered_lines(0, 100'000);
  file->append(lines);
  CHECK(read_exactly(reader.get(), lines.size()) == lines);
}

TEST_CASE("a reader that goes and comes back costs no line that was not in the pipe") {
  CapturedLog captured;
  NamedPipe pipe;
  const auto file = open_log(pipe.path());
  pipe.detach();
  file->append("kept\n");
  CHECK_FALSE(file->flush());
  CHECK(captured.contains("cannot be written: Broken pipe"));
  pipe.attach();
  CHECK((file->flush() || file->flush()));  // an attempt that began before may end in the first
  CHECK(pipe.read(5) == "kept\n");
}

TEST_CASE("above the limit lines are dropped and counted, and the rest arrives") {
  CapturedLog captured;
  const NamedPipe pipe;
  constexpr std::size_t kWidth = 1'000;
  const std::string block = numbered_lines(0, 1'000, kWidth);
  std::size_t blocks = 0;
  std::size_t kept = 0;
  {
    const auto file = open_log(pipe.path());
    for (; blocks * block.size() < LogFile::kMostWaiting + 4 * block.size(); ++blocks) file->append(block);
    kept = LogFile::kMostWaiting / block.size();
    REQUIRE(kept < blocks);
    const std::string arrived = pipe.read(kept * block.size());
    CHECK(arrived.size() == kept * block.size());
    CHECK(arrived.ends_with(block));
    CHECK(file->flush());
  }
  CHECK(captured.contains(std::to_string((blocks - kept) * 1'000) + " lines were dropped"));
}

TEST_CASE("the end waits two seconds for a stalled pipe, and no longer") {
  CapturedLog captured;
  const NamedPipe pipe;
  auto file = open_log(pipe.path());
  file->append(numbered_lines(0, 50'000));
  const auto begun = std::chrono::steady_clock::now();
  file.reset();
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(8));
  CHECK(captured.contains("bytes could not be written before the end"));
}

TEST_CASE("LogFiles shares a path, and reopens every file") {
  const TemporaryDirectory folder;
  LogFiles files;
  const Result<std::shared_ptr<LogFile>> first = files.open(folder / "a.log");
  const Result<std::shared_ptr<LogFile>> other = files.open(folder / "b.log");
  REQUIRE(first);
  REQUIRE(other);
  CHECK(*files.open(folder / "a.log") == *first);
  CHECK(*first != *other);
  CHECK_FALSE(files.open(folder / "missing" / "c.log"));
  std::filesystem::remove(folder / "a.log");
  std::filesystem::remove(folder / "b.log");
  files.reopen();
  const auto reopened = [&files] {
    while (!files.reopened()) std::this_thread::yield();
    return *files.reopened();
  };
  CHECK(reopened().empty());
  CHECK(file_content(folder / "a.log").empty());
  for (LogFile* file : {first->get(), other->get()}) {
    file->append("again\n");
    CHECK(file->flush());
    CHECK(file_content(file->where()) == "again\n");
  }
  std::filesystem::remove(folder / "b.log");
  std::filesystem::create_directory(folder / "b.log");
  files.reopen();
  const std::vector<std::string> errors = reopened();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("b.log") != std::string::npos);
}

TEST_CASE("LogFiles gives up what nobody uses, and the error log stays where it is until its end") {
  const TemporaryDirectory folder;
  {
    LogFiles files;
    Result<std::shared_ptr<LogFile>> used = files.open(folder / "used.log");
    REQUIRE(files.open(folder / "unused.log"));
    files.log_errors_to(*files.open(folder / "error.log"), LogLevel::warn);
    const std::vector<std::shared_ptr<LogFile>> unused = files.take_unused();
    REQUIRE(unused.size() == 1);
    CHECK(unused[0]->where() == folder / "unused.log");
    CHECK(*files.open(folder / "used.log") == *used);
    log::info("not told");
    log::warn("told");
    files.log_errors_to(*files.open(folder / "next.log"), LogLevel::info);
    log::info("told there");
    CHECK(files.take_unused().size() == 1);
  }
  CHECK(file_content(folder / "error.log").ends_with(" warn told\n"));
  CHECK(file_content(folder / "next.log").ends_with(" info told there\n"));
  CHECK(log::level() == LogLevel::info);
}
