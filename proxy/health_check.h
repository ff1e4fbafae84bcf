// HealthCheck: asks each server of an upstream from time to time whether it is well, and holds down those that are not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/cancellation.h"
#include "core/net/loop.h"
#include "core/result.h"
#include "core/task.h"
#include "proxy/server_group.h"

namespace edge {

struct HealthSettings {
  Milliseconds interval{5'000};  // between the end of a check and the next, a tenth more or less
  Milliseconds timeout{2'000};   // of a whole check
  std::vector<std::pair<int, int>> statuses{{200, 399}};  // that a server that is well answers with; inclusive
  std::uint32_t rise = 2;
  std::uint32_t fall = 3;
};

/// On the main loop; one for an upstream. A server that is new counts as up until checks fail; each is asked by at most
/// one check at a time, those that are down by the configuration not at all. Changes are logged.
class HealthCheck {
 public:
  /// Asks one server; the status of its answer, or why there is none. Ends when the cancellation is requested, which
  /// lives until then. It may outlive the HealthCheck, so it owns what it uses.
  using Probe = std::function<Task<Result<int>>(std::shared_ptr<const Server> server, Cancellation& cancellation)>;

  /// `seed`: any number, another one for each upstream, so that not all are asked at the same moment. `changed`: a
  /// server is up again, or down; it owns what it uses.
  HealthCheck(
      Loop& main, HealthSettings settings, Probe probe, std::uint32_t seed, std::function<void()> changed = [] {});
  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;
  /// Checks under way are cancelled, without effect. What is held down stays so.
  ~HealthCheck();

  /// The group that is checked from now on. Servers that were checked before go on where they are.
  void watch(const ServerGroup& group);
  /// Why the last check of a server failed; empty: it did not, or there was none.
  std::string_view reason(const Server& server) const;

 private:
  class Checked;
  struct Shared;

  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Checked>> checked_;
};

}  // namespace edge
