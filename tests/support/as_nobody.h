// AsNobody: root may do everything, so it is another user for a while. Header only.
#pragma once

#include <doctest/doctest.h>
#include <sys/types.h>
#include <unistd.h>

#include <string>

namespace edge::test {

constexpr uid_t kNobody = 65'534;

/// All threads of the process. Who is not root stays who they are.
class AsNobody {
 public:
  AsNobody() { REQUIRE((!root_ || ::seteuid(kNobody) == 0)); }
  ~AsNobody() {
    if (root_) CHECK(::seteuid(0) == 0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

  /// Before it: that file or folder is nobody's then.
  static void give(const std::string& path) {
    if (::geteuid() == 0) REQUIRE(::chown(path.c_str(), kNobody, static_cast<gid_t>(-1)) == 0);
  }

 private:
  bool root_ = ::geteuid() == 0;
};

}  // namespace edge::test
