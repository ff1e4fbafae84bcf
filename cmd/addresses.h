// Addresses: what the process listens on, from the first socket on and through every change of the configuration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cmd/inheritance.h"
#include "cmd/listeners.h"
#include "config/snapshot.h"
#include "core/result.h"
#include "core/unique_fd.h"

namespace edge {

/// On the main thread. It has a descriptor of its own for each listening socket, so that a socket can be given another
/// owner, and a longer backlog, while loops accept from it.
class Addresses {
 public:
  struct Address {
    config::Listen listen;
    std::string app;  // whose own socket it is; empty: the sites'
    unsigned mode = 0;
    std::string url;
    std::uint16_t port = 0;         // that the kernel chose, where it was to; 0 of a unix socket
    std::vector<UniqueFd> sockets;  // each once, however many loops share it
    OwnSocketFile file;
  };
  /// What a configuration adds, open, and not in use yet. Destroyed, it is closed again.
  struct Added {
    std::vector<std::vector<OpenListener>> listeners;  // for each loop
    std::vector<Address> addresses;
  };

  /// `inherited` is what the process was started with, and outlives this.
  explicit Addresses(Inheritance& inherited) : inherited_(inherited) {}

  /// Opens for that many loops what the snapshot, which must outlive the answer, names beyond what is open. Blocking
  /// for microseconds an address. An error names the place in the configuration, the reason, and what to do.
  Result<Added> open(const config::Snapshot& snapshot, std::size_t loops) const;

  struct Change {
    std::size_t opened = 0;
    std::size_t closed = 0;
    std::vector<std::string> problems;  // what could not be changed of a socket that stays
  };
  /// From now on these are the addresses: those of the snapshot. What is new and what is gone is logged. The listeners
  /// of `added` have been taken out for the loops, or are to be taken next.
  Change turn_to(const config::Snapshot& snapshot, std::vector<Address> added);
  /// What another process may be given to listen on. The sockets stay this object's; those of the service manager are
  /// not among them.
  struct Shared {
    std::string key;  // socket_key()
    std::vector<int> sockets;
  };
  std::vector<Shared> to_share() const;
  /// Another process goes on with these: it has their files now.
  void leave(const std::set<std::string>& keys);
  /// Nobody but this process has the files of unix sockets any more, also of those that it has taken over.
  void own_files();
  /// Lets go of everything: what no loop listens on any more is closed.
  void close() { open_.clear(); }

  /// Where HTTP is served: the first address that is no app's own socket; or empty.
  std::string http() const;

 private:
  const Address* find(const config::Listen& listen) const;
  std::string hint(const config::Snapshot& snapshot, const config::Listen& listen) const;
  static Result<void> hand_over(const Address& from, const config::Listen& listen, const config::App* app, Added& to);

  Inheritance& inherited_;
  std::vector<Address> open_;
};

}  // namespace edge
