// For the thread sanitizer alone: libuv closes descriptors by syscall(2), which the sanitizer does not see, so that the
// next thread that gets the same number seems to race with the last one. Here such a close is one that it sees.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>

extern "C" __attribute__((visibility("default"))) long syscall(long number, ...) {
  static const auto libc = reinterpret_cast<decltype(&syscall)>(dlsym(RTLD_NEXT, "syscall"));
  long values[6];
  va_list list;
  va_start(list, number);
  for (long& value : values) value = va_arg(list, long);
  va_end(list);
  if (number == SYS_close) return close(static_cast<int>(values[0]));
  return libc(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}
