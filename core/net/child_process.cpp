// Running a program by uv_spawn.
#include "core/net/child_process.h"

#include <linux/close_range.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>

namespace edge {

struct ChildProcess::Handle {
  uv_process_t process{};
  Ended ended;
  pid_t pid = 0;
  bool running = false;

  void close() {
    uv_close(reinterpret_cast<uv_handle_t*>(&process),
             [](uv_handle_t* closed) { delete static_cast<Handle*>(closed->data); });
  }
};

namespace {

thread_local std::vector<pid_t> running;

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));  // libuv only reads
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<ChildProcess> ChildProcess::spawn(Loop& loop, const Command& command, Ended ended) {
  std::vector<char*> arguments = pointers_to(command.arguments);
  std::vector<char*> environment = pointers_to(command.environment);
  std::vector<uv_stdio_container_t> descriptors;
  for (const int descriptor : command.descriptors) {
    uv_stdio_container_t& container = descriptors.emplace_back();
    container.flags = descriptor < 0 ? UV_IGNORE : UV_INHERIT_FD;
    container.data.fd = descriptor;
  }
  uv_process_options_t options{};
  options.file = command.file.c_str();
  options.args = arguments.data();
  options.env = environment.data();
  options.stdio = descriptors.data();
  options.stdio_count = static_cast<int>(descriptors.size());
  options.exit_cb = [](uv_process_t* process, std::int64_t status, int signal) {
    auto* const handle = static_cast<Handle*>(process->data);
    handle->running = false;
    std::erase(running, handle->pid);
    Ended tell = std::move(handle->ended);
    if (tell) tell(static_cast<int>(status), signal);
  };
  // Ours are closed on exec anyway; those that this process was started with need not be.
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  auto* const handle = new Handle;
  handle->process.data = handle;
  handle->ended = std::move(ended);
  if (const int status = uv_spawn(loop.uv(), &handle->process, &options); status != 0) {
    handle->close();  // libuv has made it a handle even so
    return fail(ErrorKind::internal, Side::ours, "cannot run " + command.file + ": " + uv_strerror(status));
  }
  handle->pid = handle->process.pid;
  handle->running = true;
  running.push_back(handle->pid);
  return ChildProcess(handle);
}

ChildProcess::~ChildProcess() {
  if (!handle_) return;
  handle_->ended = nullptr;
  std::erase(running, handle_->pid);
  handle_->close();
}

bool ChildProcess::is_running(pid_t pid) {
  return std::ranges::find(running, pid) != running.end();
}

pid_t ChildProcess::pid() const {
  return handle_ ? handle_->pid : 0;
}

void ChildProcess::signal(int number) const {
  if (handle_ && handle_->running) uv_process_kill(&handle_->process, number);
}

}  // namespace edge
