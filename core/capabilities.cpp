// Capabilities by the system calls, which hold for the calling thread.
#include "core/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace edge {
namespace {

using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

constexpr std::uint32_t kUserChange = 1U << CAP_SETUID | 1U << CAP_SETGID;
constexpr std::uint32_t kKept = kUserChange | 1U << CAP_KILL;

int set(const Sets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capset, &header, sets.data()) == 0 ? 0 : errno;
}

}  // namespace

bool may_change_user() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Sets sets{};
  return syscall(SYS_capget, &header, sets.data()) == 0 && (sets[0].effective & kUserChange) == kUserChange;
}

bool programs_may_change_user() {
  const auto passes_on = [](int right) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, right, 0, 0) == 1; };
  return may_change_user() && (geteuid() == 0 || (passes_on(CAP_SETUID) && passes_on(CAP_SETGID)));
}

int keep_user_change_only() {
  Sets sets{};
  sets[0] = {.effective = kKept, .permitted = kKept, .inheritable = 0};
  return set(sets);
}

int give_up_capabilities() {
  return set(Sets{});
}

}  // namespace edge
