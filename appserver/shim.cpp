// Asking a script which interpreter it stands for.
#include "appserver/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string_view>
#include <vector>

#include "core/net/program.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestAnswer = 4096;  // PATH_MAX

bool is_script(const std::string& path) {
  char begin[2] = {};
  std::ifstream(path, std::ios::binary).read(begin, sizeof begin);
  return std::string_view(begin, sizeof begin) == "#!";
}

std::vector<std::string> own_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) environment.emplace_back(*entry);
  return environment;
}

/// What comes until the end, or until `deadline` (`in_time` is false then).
std::string read_until(int from, Clock::time_point deadline, bool& in_time) {
  std::string answer;
  while (answer.size() <= kLongestAnswer) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd ready{from, POLLIN, 0};
    const int count =
        left.count() > 0 ? poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000))) : 0;
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 && Clock::now() < deadline) continue;
    in_time = count > 0;
    if (!in_time) break;
    char block[512];
    const ssize_t size = read(from, block, sizeof block);
    if (size <= 0) break;
    answer.append(block, static_cast<std::size_t>(size));
  }
  return answer;
}

void end_group(pid_t leader) {
  kill(-leader, SIGKILL);
  while (waitpid(leader, nullptr, 0) < 0 && errno == EINTR) continue;
}

}  // namespace

Result<std::string> interpreter_behind(const std::string& path, Clock::time_point deadline) {
  if (!is_script(path)) return path;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return fail(ErrorKind::internal, Side::ours, "cannot ask " + path + ": " + std::strerror(errno));
  }
  const UniqueFd answers(ends[0]);
  UniqueFd script_end(ends[1]);
  const auto began = Clock::now();
  const Program question{.file = path,
                         .arguments = {path, "-c", "import sys; print(sys.executable)"},
                         .environment = own_environment(),
                         .descriptors = {-1, script_end.get(), -1},
                         .own_group = true};
  const Result<pid_t> script = question.start();
  if (!script) return std::string();
  script_end.reset();
  bool in_time = true;
  std::string answer = read_until(answers.get(), deadline, in_time);
  end_group(*script);
  const std::size_t line_end = answer.find('\n');
  if (line_end == answer.npos && !in_time) {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count();
    return fail(ErrorKind::timed_out, Side::ours,
                "the script " + path + " did not say within " + std::to_string(waited) +
                    " ms which interpreter it stands for (asked with -c 'import sys; print(sys.executable)'); name an "
                    "interpreter by its path instead");
  }
  answer.resize(std::min(line_end, answer.size()));
  return answer;
}

}  // namespace edge
