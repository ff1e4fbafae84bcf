// The kernel shows the title up to its NUL when the last byte of the command line is none (get_mm_cmdline in its
// fs/proc/base.c). What lies between is not touched: its pages stay shared between zygote and workers.
#include "appserver/gateway/title.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>

#include "appserver/gateway/descriptor.h"

namespace edge::gateway {
namespace {

constexpr std::size_t kLongestThreadName = 15;

/// The bytes of the command line, as the kernel keeps them: arg_start and arg_end, fields 48 and 49 of proc(5).
std::span<char> find_command_line() {
  constexpr int kFirst = 48;
  constexpr int kAfterName = 3;
  const Descriptor file(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  std::array<char, 2048> bytes;
  const ssize_t size = read(file.get(), bytes.data(), bytes.size());
  if (size <= 0) return {};
  std::string_view text(bytes.data(), static_cast<std::size_t>(size));
  const std::size_t name_end = text.rfind(") ");  // the name before it may hold anything
  if (name_end == std::string_view::npos) return {};
  text.remove_prefix(name_end + 2);
  std::array<std::uintptr_t, 2> limits{};
  for (int field = kAfterName; field < kFirst + 2; ++field) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (field >= kFirst)
      std::from_chars(text.data(), text.data() + end, limits[static_cast<std::size_t>(field - kFirst)]);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (limits[0] == 0 || limits[1] <= limits[0]) return {};
  return {reinterpret_cast<char*>(limits[0]), limits[1] - limits[0]};  // NOLINT(performance-no-int-to-ptr)
}

void show(std::string_view title) {
  static const std::span<char> line = find_command_line();
  if (line.size() < 3) return;
  title = title.substr(0, line.size() - 2);
  std::memcpy(line.data(), title.data(), title.size());
  line[title.size()] = '\0';
  line.back() = '.';
}

/// "edge: blog w3": where it is too long the app's name is cut, and not the number.
void name_process(const std::string& app, const std::string& role) {
  const std::string name = "edge: " + app;
  name_thread(name.substr(0, kLongestThreadName - std::min(role.size(), kLongestThreadName)) + role);
}

}  // namespace

void name_thread(std::string_view name) {
  const std::string text(name.substr(0, kLongestThreadName));
  prctl(PR_SET_NAME, text.c_str());
}

void show_as_zygote(const AppName& name) {
  show("edge: " + name.app + " zygote gen " + std::to_string(name.generation));
  name_process(name.app, "");
}

void show_as_worker(const AppName& name, std::uint32_t worker) {
  show("edge: " + name.app + " worker " + std::to_string(worker) + " gen " + std::to_string(name.generation));
  name_process(name.app, " w" + std::to_string(worker));
}

}  // namespace edge::gateway
