// How many CPUs this process may use: the scheduler's mask, and the quota of the control groups it is in.
#pragma once

#include <string>

namespace edge {

/// At least 1. The lesser of the CPUs in the scheduler's mask and every CPU quota (cgroup v2 cpu.max, v1
/// cpu.cfs_quota_us over cpu.cfs_period_us) from the process's own group up to the root, rounded up. `root` stands
/// before /proc and /sys, for tests. Blocking; for start.
unsigned usable_cpus(const std::string& root = {});

}  // namespace edge
