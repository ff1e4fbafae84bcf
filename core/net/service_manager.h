// ServiceManager: tells systemd how this process is (sd_notify(3)): ready, reloading, stopping, another main process.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace edge {

/// Without a service manager nothing is told. Never waits: what the manager's socket does not take at once is lost, and
/// a warning says so. Any thread.
class ServiceManager {
 public:
  ServiceManager() = default;
  /// By the path of its datagram socket, or "@name" of one without a file.
  explicit ServiceManager(std::string address) : address_(std::move(address)) {}
  /// As NOTIFY_SOCKET says, which is removed from the environment. Before there are other threads.
  static ServiceManager from_environment();

  /// Start or reload is over.
  void ready() const;
  /// A reload has begun; ready() ends it, also when it failed.
  void reloading() const;
  void stopping() const;
  /// From now on that process, a descendant of this one, is the service.
  void moved_to(pid_t process) const;

 private:
  void tell(std::string_view message) const;

  std::string address_;
};

}  // namespace edge
