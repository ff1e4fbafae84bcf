// Reading the scheduler's mask and the control groups' CPU quotas.
#include "core/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

namespace edge {
namespace {

unsigned cpus_in_mask() {
  constexpr int kMostCpus = 8192;
  const std::size_t size = CPU_ALLOC_SIZE(kMostCpus);
  const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(CPU_ALLOC(kMostCpus),
                                                              [](cpu_set_t* set) { CPU_FREE(set); });
  if (!mask || sched_getaffinity(0, size, mask.get()) != 0) return std::max(1u, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::max(1, CPU_COUNT_S(size, mask.get())));
}

/// Whole CPUs of a quota in microseconds each period; nothing for no quota.
std::optional<unsigned> cpus_of(std::int64_t quota, std::int64_t period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  const std::int64_t cpus = (quota - 1) / period + 1;
  return static_cast<unsigned>(std::min<std::int64_t>(cpus, 1 << 20));
}

std::int64_t read_number(const std::string& file) {
  std::int64_t value = -1;
  std::ifstream(file) >> value;
  return value;
}

std::optional<unsigned> quota_v2(const std::string& group) {
  std::string quota;  // a number or "max"
  std::int64_t period = 0;
  std::ifstream file(group + "/cpu.max");
  if (!(file >> quota >> period) || quota == "max") return std::nullopt;
  std::int64_t microseconds = 0;
  if (!(std::istringstream(quota) >> microseconds)) return std::nullopt;
  return cpus_of(microseconds, period);
}

std::optional<unsigned> quota_v1(const std::string& group) {
  return cpus_of(read_number(group + "/cpu.cfs_quota_us"), read_number(group + "/cpu.cfs_period_us"));
}

/// The least quota from the group `path` under `mount` up to the mount itself. In a container the path may be the
/// host's and missing here: then the mount itself is the container's group.
void apply_quotas(const std::string& mount, std::string path, std::optional<unsigned> (*quota)(const std::string&),
                  unsigned& cpus) {
  while (true) {
    if (const auto limit = quota(mount + path)) cpus = std::min(cpus, *limit);
    if (path.empty()) return;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

bool has_controller(const std::string& controllers, const std::string& wanted) {
  std::istringstream list(controllers);
  std::string name;
  while (std::getline(list, name, ',')) {
    if (name == wanted) return true;
  }
  return false;
}

}  // namespace

unsigned usable_cpus(const std::string& root) {
  unsigned cpus = cpus_in_mask();
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;  // "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1)
  while (std::getline(groups, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const std::string mounts = root + "/sys/fs/cgroup";
    if (controllers.empty()) apply_quotas(mounts, path, quota_v2, cpus);
    if (has_controller(controllers, "cpu")) {
      apply_quotas(mounts + "/" + controllers, path, quota_v1, cpus);
      apply_quotas(mounts + "/cpu", path, quota_v1, cpus);
    }
  }
  return std::max(1u, cpus);
}

}  // namespace edge
