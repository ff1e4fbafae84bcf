// usable_cpus() over made-up /proc and /sys.
#include "core/cpu_count.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

/// A folder that stands for the root of a file system, removed at the end.
class FakeRoot {
 public:
  FakeRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "edge-cpus-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path_ = name;
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& content) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  unsigned cpus() const { return edge::usable_cpus(path_.string()); }

 private:
  std::filesystem::path path_;
};

const unsigned kHere = edge::usable_cpus("/nonexistent");

}  // namespace

TEST_CASE("without control groups the scheduler's mask decides") {
  CHECK(kHere >= 1);
  CHECK(FakeRoot().cpus() == kHere);
}

TEST_CASE("a version 2 quota is rounded up") {
  const FakeRoot root;
  root.write("proc/self/cgroup", "0::/a/b\n");
  root.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  CHECK(root.cpus() == kHere);
  root.write("sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  CHECK(root.cpus() == 1);
  root.write("sys/fs/cgroup/a/b/cpu.max", "100001 100000\n");
  CHECK(root.cpus() == std::min(2u, kHere));
}

TEST_CASE("the quota of a group around holds as well") {
  const FakeRoot root;
  root.write("proc/self/cgroup", "0::/a/b\n");
  root.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/a/cpu.max", "1000 100000\n");
  CHECK(root.cpus() == 1);
}

TEST_CASE("a version 1 quota is found under its controllers, and at the root in a container") {
  const FakeRoot root;
  root.write("proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/docker/123\n0::/\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(root.cpus() == kHere);
  root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "20000\n");
  CHECK(root.cpus() == 1);
}

TEST_CASE("nonsense in the files is no quota") {
  const FakeRoot root;
  root.write("proc/self/cgroup", "0::/\nnonsense\n1:cpu\n:::\n");
  root.write("sys/fs/cgroup/cpu.max", "much 100000\n");
  CHECK(root.cpus() == kHere);
  root.write("sys/fs/cgroup/cpu.max", "1000 0\n");
  CHECK(root.cpus() == kHere);
}
