// The writer thread of a log: two sides of chunks, swapped under a lock, written without it.
#include "core/log_file.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/log_sink.h"

namespace edge {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kChunk = 256 * 1024;  // a chunk grows no further; nothing larger is ever copied while growing
constexpr std::size_t kMuch = 64 * 1024;    // more than this is written at once
constexpr Milliseconds kBatchTime{100};     // how long a line waits for others
constexpr Milliseconds kFirstRetry{100};    // after a failed write; doubles
constexpr Milliseconds kLastRetry{1000};
constexpr Milliseconds kStalledSlice{100};  // how often a thread that waits for a pipe looks whether it shall end
constexpr Milliseconds kPatience{2000};     // at the end, for a pipe that takes nothing
constexpr Milliseconds kFlushPatience{5000};

}  // namespace

class LogFile::Writer {
 public:
  Writer(std::string where, LogSink sink) : where_(std::move(where)), sink_(std::move(sink)) {}

  void start();
  void stop();
  void append(std::string_view lines, Urgency urgency);
  void reopen();
  std::optional<std::string> reopened();
  bool flush();
  const std::string& where() const { return where_; }

 private:
  using Lock = std::unique_lock<std::mutex>;
  void run();
  void wait_for_lines(Lock& lock);
  void take_chunks();
  bool write_batch(Lock& lock);
  bool write_chunk(std::string_view left);
  void count_written(std::size_t bytes);
  bool give_up(Clock::time_point last_progress, bool stalled);
  void wait_before_retry(int error);
  void open_again_if_wanted();
  void report(std::uint64_t dropped_lines);

  const std::string where_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable wake_;     // for the thread
  std::condition_variable written_;  // for those in flush()
  // Guarded by mutex_.
  std::vector<std::string> filling_;
  std::string spare_;                 // an empty chunk with its memory
  std::uint64_t appended_bytes_ = 0;  // since the beginning
  std::uint64_t written_bytes_ = 0;   // since the beginning
  std::uint64_t dropped_lines_ = 0;   // not yet reported
  std::uint64_t failed_attempts_ = 0;
  bool hurry_ = false;  // write what there is now
  bool retry_ = false;  // somebody in flush() wants to know whether it works again
  bool reopen_ = false;
  std::optional<std::string> reopened_ = std::string();
  std::size_t old_chunks_ = 0;  // with reopen_: so many of filling_ belong to the file that is open now
  bool stopping_ = false;

  // The thread's own.
  LogSink sink_;
  std::vector<std::string> writing_;
  Milliseconds retry_after_ = kFirstRetry;
  bool failing_ = false;
};

void LogFile::Writer::start() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // No handler runs on this thread, and neither SIGPIPE nor SIGXFSZ ends the process: write() returns an error.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void LogFile::Writer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LogFile::Writer::append(std::string_view lines, Urgency urgency) {
  bool notify = false;
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t waiting = appended_bytes_ - written_bytes_;
    if (waiting + lines.size() > kMostWaiting) {
      dropped_lines_ += static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
      return;
    }
    notify = filling_.empty() || urgency == Urgency::prompt || lines.size() >= kMuch;
    if (filling_.size() == old_chunks_ || filling_.back().size() + lines.size() > kChunk) {
      filling_.push_back(std::exchange(spare_, {}));
      notify = true;
    }
    std::string& chunk = filling_.back();
    notify = notify || (chunk.size() < kMuch && chunk.size() + lines.size() >= kMuch);
    chunk.append(lines);
    appended_bytes_ += lines.size();
    hurry_ = hurry_ || urgency == Urgency::prompt;
  }
  if (notify) wake_.notify_one();
}

void LogFile::Writer::reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopen_ = true;
    reopened_.reset();
    old_chunks_ = filling_.size();
  }
  wake_.notify_one();
}

std::optional<std::string> LogFile::Writer::reopened() {
  const std::lock_guard lock(mutex_);
  return reopened_;
}

bool LogFile::Writer::flush() {
  Lock lock(mutex_);
  const std::uint64_t target = appended_bytes_;
  const std::uint64_t failed_before = failed_attempts_;
  if (written_bytes_ >= target) return true;
  hurry_ = retry_ = true;
  wake_.notify_one();
  written_.wait_for(lock, kFlushPatience,
                    [&] { return written_bytes_ >= target || failed_attempts_ != failed_before; });
  return written_bytes_ >= target;
}

void LogFile::Writer::run() {
  pthread_setname_np(pthread_self(), "edge log");
  Lock lock(mutex_);
  while (true) {
    wait_for_lines(lock);
    if (reopen_ && old_chunks_ == 0) {
      lock.unlock();
      open_again_if_wanted();
      lock.lock();
    } else if (!filling_.empty()) {
      if (!write_batch(lock)) return;
    } else if (stopping_) {
      return;
    }
  }
}

void LogFile::Writer::wait_for_lines(Lock& lock) {
  const auto nudged = [this] { return stopping_ || reopen_; };
  wake_.wait(lock, [&] { return nudged() || !filling_.empty(); });
  wake_.wait_for(lock, kBatchTime,
                 [&] { return nudged() || hurry_ || filling_.size() > 1 || filling_.front().size() >= kMuch; });
}

/// All there are, or those that belong to the file that is open now.
void LogFile::Writer::take_chunks() {
  if (!reopen_) return writing_.swap(filling_);
  const auto first_new = filling_.begin() + static_cast<std::ptrdiff_t>(std::exchange(old_chunks_, 0));
  writing_.assign(std::move_iterator(filling_.begin()), std::move_iterator(first_new));
  filling_.erase(filling_.begin(), first_new);
}

/// Gives the lock up while it writes. False when the end has come and not everything can be written.
bool LogFile::Writer::write_batch(Lock& lock) {
  take_chunks();
  hurry_ = false;
  lock.unlock();
  const bool complete = std::ranges::all_of(writing_, [this](const std::string& chunk) { return write_chunk(chunk); });
  lock.lock();
  const std::uint64_t dropped_lines = std::exchange(dropped_lines_, 0);
  const std::uint64_t lost_bytes = appended_bytes_ - written_bytes_;
  spare_ = std::move(writing_.front());
  spare_.clear();
  if (spare_.capacity() > 2 * kChunk) spare_ = {};
  writing_.clear();
  written_.notify_all();
  lock.unlock();
  if (complete) {
    report(dropped_lines);
  } else {
    log::error("log {}: {} bytes could not be written before the end", where_, lost_bytes);
  }
  lock.lock();
  return complete;
}

bool LogFile::Writer::write_chunk(std::string_view left) {
  Clock::time_point last_progress = Clock::now();
  while (!left.empty()) {
    const ssize_t taken = sink_.write_some(left);
    if (taken > 0) {
      left.remove_prefix(static_cast<std::size_t>(taken));
      count_written(static_cast<std::size_t>(taken));
      last_progress = Clock::now();
      continue;
    }
    const bool stalled = taken == -EAGAIN || taken == -EINTR;
    if (give_up(last_progress, stalled)) return false;
    if (stalled) {
      sink_.wait_writable(kStalledSlice);
    } else {
      wait_before_retry(static_cast<int>(-taken));
    }
    open_again_if_wanted();
  }
  return true;
}

void LogFile::Writer::count_written(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  written_bytes_ += bytes;
}

bool LogFile::Writer::give_up(Clock::time_point last_progress, bool stalled) {
  const std::lock_guard lock(mutex_);
  return stopping_ && (!stalled || Clock::now() - last_progress > kPatience);
}

void LogFile::Writer::wait_before_retry(int error) {
  if (!std::exchange(failing_, true)) {
    log::error("log {}: cannot be written: {}; up to {} MiB of lines are kept meanwhile", where_,
               std::generic_category().message(error), kMostWaiting >> 20U);
  }
  Lock lock(mutex_);
  ++failed_attempts_;
  written_.notify_all();
  wake_.wait_for(lock, retry_after_, [this] { return stopping_ || reopen_ || retry_; });
  retry_ = false;
  retry_after_ = std::min(2 * retry_after_, kLastRetry);
}

void LogFile::Writer::open_again_if_wanted() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(reopen_, false)) return;
    old_chunks_ = 0;
  }
  Result<LogSink> opened = LogSink::open(where_);
  if (opened) {
    sink_ = std::move(*opened);
  } else {
    log::error("{}; the file that was open stays in use", opened.error().context);
  }
  const std::lock_guard lock(mutex_);
  if (!reopen_) reopened_ = opened ? std::string() : opened.error().context;
}

/// Once writing goes on.
void LogFile::Writer::report(std::uint64_t dropped_lines) {
  if (std::exchange(failing_, false)) log::warn("log {}: can be written again", where_);
  if (dropped_lines > 0)
    log::error("log {}: {} lines were dropped while it could not be written", where_, dropped_lines);
  retry_after_ = kFirstRetry;
}

LogFile::LogFile(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}

LogFile::~LogFile() {
  writer_->stop();
}

Result<std::unique_ptr<LogFile>> LogFile::open(const std::string& where) {
  Result<LogSink> sink = LogSink::open(where);
  if (!sink) return std::unexpected(sink.error());
  auto writer = std::make_unique<Writer>(where, std::move(*sink));
  writer->start();
  return std::unique_ptr<LogFile>(new LogFile(std::move(writer)));
}

void LogFile::append(std::string_view lines, Urgency urgency) {
  writer_->append(lines, urgency);
}

void LogFile::reopen() {
  writer_->reopen();
}

std::optional<std::string> LogFile::reopened() const {
  return writer_->reopened();
}

bool LogFile::flush() {
  return writer_->flush();
}

const std::string& LogFile::where() const {
  return writer_->where();
}

}  // namespace edge
