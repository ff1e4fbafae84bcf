// Loading of listening addresses, and what sites on one address must agree upon.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// What a site said where, as far as other sites on its addresses may contradict it.
struct SiteClaims {
  std::vector<Place> hosts;                                    // beside Site::hosts
  Place is_default;                                            // when it is one
  std::vector<Place> backlogs;                                 // beside Site::listen; line 0 where none was given
  std::vector<std::pair<std::string, Place>> connection_keys;  // those of connection_keys() that it gave
};

/// An address, or "unix:PATH" with the path made absolute. What is wrong is reported, and leaves the address unset.
Listen read_address(Loading& loading, const ListedText& from);
/// Reports a path that is too long for a unix socket.
void check_socket_path(Loading& loading, const std::string& path, const Place& place, const std::string& key);

/// ":8080" when the site does not say. Fills `claims.backlogs`.
std::vector<Listen> load_listen(const Section& site, SiteClaims& claims);

/// Looks for what contradicts on each address: a host or a default given twice, different backlogs, limits of
/// connections that differ from those of the address's first site.
class AddressChecks {
 public:
  explicit AddressChecks(Problems& problems) : problems_(problems) {}
  /// In the order of the sites. `site` may be changed: all on one address get the backlog that one of them gave.
  void add(Site& site, const SiteClaims& claims, const std::string& path);

 private:
  struct Use {
    std::string text;   // of the address, as first written
    Place first;        // the first site
    HttpSettings http;  // of the first site
    std::unordered_map<std::string, Place> hosts;
    Place is_default;
    Place backlog_given;
    int backlog = 0;
    std::vector<Listen*> listens;
    Listen first_listen;
  };
  void check_hosts(Use& use, const Site& site, const SiteClaims& claims, const std::string& path);
  void check_speech(const Use& use, const Listen& listen, const std::string& path);
  void check_backlog(Use& use, Listen& listen, const Place& given, const std::string& path);
  void check_limits(const Use& use, const Site& site, const SiteClaims& claims, const std::string& path);

  Problems& problems_;
  std::unordered_map<std::string, Use> uses_;
};

}  // namespace edge::config
