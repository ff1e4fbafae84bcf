// Running a program by vfork and exec. uv_spawn would leave out a user's further groups and the limits.
#include "core/net/program.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "core/capabilities.h"
#include "core/open_files.h"
#include "core/unique_fd.h"

namespace edge {
namespace {

enum class Step : std::uint8_t { descriptors, limits, account, exec };

/// What the child tells when it cannot go on.
struct Failure {
  Step step;
  int reason;
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));  // exec only reads
  pointers.push_back(nullptr);
  return pointers;
}

std::unexpected<Error> failed(const Program& program, const std::string& what, int reason) {
  return fail(ErrorKind::internal, Side::ours,
              "cannot run " + program.file + what + ": " + uv_strerror(uv_translate_sys_error(reason)));
}

/// "as user blog" and so on: what the child was about when it failed.
std::string about(Step step, const Program& program) {
  switch (step) {
    case Step::descriptors:
      return ": its descriptors";
    case Step::limits:
      return ": its limits";
    case Step::account:
      return program.account->name.empty() ? " with group " + std::to_string(program.account->group)
                                           : " as user " + program.account->name;
    case Step::exec:
      return {};
  }
  return {};
}

/// The child's side, between fork and exec: nothing here allocates, locks, or touches what other threads may hold. All
/// memory was made ready before. After vfork() it is the parent's, whose thread waits meanwhile.
class Child {
 public:
  Child(const Program& program, int null_device, int report)
      : program_(program),
        arguments_(pointers_to(program.arguments)),
        environment_(pointers_to(program.environment)),
        descriptors_(program.descriptors),
        report_(report) {
    std::ranges::replace_if(descriptors_, [](int descriptor) { return descriptor < 0; }, null_device);
  }

  [[noreturn]] void run() {
    reset_signals();
    if (program_.own_group) setpgid(0, 0);
    if (!place_descriptors()) give_up(Step::descriptors);
    restore_open_files(2 * descriptors_.size());  // it opens some of its own
    if (!limit_data()) give_up(Step::limits);
    if (!become_account()) give_up(Step::account);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execvpe(program_.file.c_str(), arguments_.data(), environment_.data());
    give_up(Step::exec);
  }

 private:
  /// While all are blocked, so that no handler of the parent runs here.
  static void reset_signals() {
    struct sigaction preset{};
    preset.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) sigaction(number, &preset, nullptr);
  }

  /// First out of the way of each other, then into their places.
  bool place_descriptors() {
    const int count = static_cast<int>(descriptors_.size());
    report_ = fcntl(report_, F_DUPFD_CLOEXEC, count);
    if (report_ < 0) return false;
    for (int& descriptor : descriptors_) {
      descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, count);
      if (descriptor < 0) return false;
    }
    for (int place = 0; place < count; ++place) {
      if (dup2(descriptors_[static_cast<std::size_t>(place)], place) < 0) return false;
    }
    // Ours are closed on exec anyway; those that this process was started with need not be.
    close_range(static_cast<unsigned>(count), ~0U, CLOSE_RANGE_CLOEXEC);
    return true;
  }

  bool limit_data() const {
    rlimit limit{};
    if (program_.data_limit == 0) return true;
    if (getrlimit(RLIMIT_DATA, &limit) != 0) return false;
    limit.rlim_max = std::min<rlim_t>(limit.rlim_max, program_.data_limit);
    limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
    return setrlimit(RLIMIT_DATA, &limit) == 0;
  }

  /// By the system calls: libc would tell threads that are not here.
  bool become_account() const {
    if (!program_.account) return true;
    const Account& account = *program_.account;
    const bool became =
        may_keep_groups(account) || syscall(SYS_setgroups, account.groups.size(), account.groups.data()) == 0;
    return became && syscall(SYS_setresgid, account.group, account.group, account.group) == 0 &&
           syscall(SYS_setresuid, account.user, account.user, account.user) == 0 &&
           (account.user == 0 || (errno = give_up_capabilities()) == 0);
  }

  /// Who cannot change users keeps its groups: there is only its own account to become.
  static bool may_keep_groups(const Account& account) {
    return !may_change_user() && account.user == geteuid() && account.group == getegid();
  }

  [[noreturn]] void give_up(Step step) const {
    const Failure failure{step, errno};
    if (write(report_, &failure, sizeof failure) < 0) _exit(126);
    _exit(127);
  }

  const Program& program_;
  std::vector<char*> arguments_;
  std::vector<char*> environment_;
  std::vector<int> descriptors_;
  int report_;
};

/// Blocks every signal as long as it lives.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_{};
};

/// Waits until the child has begun its program (nothing) or says why it cannot.
std::optional<Failure> failure_of_child(int report) {
  Failure failure{};
  ssize_t size = -1;
  do size = read(report, &failure, sizeof failure);
  while (size < 0 && errno == EINTR);
  return size == sizeof failure ? std::optional(failure) : std::nullopt;
}

}  // namespace

Result<pid_t> Program::start() const {
  const UniqueFd null_device(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null_device) return failed(*this, ": /dev/null", errno);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed(*this, "", errno);
  const UniqueFd report(ends[0]);
  UniqueFd child_report(ends[1]);
  Child child(*this, null_device.get(), child_report.get());
  pid_t pid = -1;
  {
    const SignalsHeld held;
    // vfork() copies no memory, so no loop takes page faults afterwards. But a change of user would mark the memory
    // that is shared, and so this process, as one that may be neither dumped nor traced.
    pid = account ? fork() : vfork();  // NOLINT(bugprone-unsafe-functions): posix_spawn() sets neither limits nor user
    if (pid == 0) child.run();
  }
  if (pid < 0) return failed(*this, "", errno);
  child_report.reset();
  const std::optional<Failure> failure = failure_of_child(report.get());
  if (!failure) return pid;
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  return failed(*this, about(failure->step, *this), failure->reason);
}

}  // namespace edge
