// StickyCookie: keeps a browser on the server that answered it first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/duration.h"
#include "core/http/header_list.h"
#include "core/keyed_hash.h"
#include "proxy/server_group.h"

namespace edge {

/// Immutable; any thread. The value is a keyed hash of the server's address, which tells nobody where servers are, and
/// the minute in which it was given. Whoever makes one up gets a server that he may be given anyway, or is balanced.
class StickyCookie {
 public:
  struct Settings {
    std::string upstream;  // its name: servers of two upstreams have different values
    std::string name;      // of the cookie; a token
    Milliseconds time{0};  // how long the browser keeps it, renewed in the second half; 0: until the browser ends
  };
  struct Found {
    const Server* server = nullptr;
    bool is_old = false;  // to be renewed
  };

  StickyCookie(Settings settings, const HashKey& key);

  /// The server that the request's cookie names; null when it has none, or one that nobody gave, or the server is no
  /// longer in the group. `now`: seconds since the epoch.
  Found find(const HeaderList& headers, const ServerGroup& group, std::int64_t now) const;
  /// The value of a Set-Cookie field. `secure`: the request came by TLS.
  std::string set_cookie(const Server& server, bool secure, std::int64_t now) const;

 private:
  Found read(std::string_view value, const ServerGroup& group, std::int64_t now) const;

  const Settings settings_;
  const HashKey key_;  // of this upstream
};

/// The key that is made of `secret`; without one of this machine's identity, and one that everybody knows where there
/// is none: by each the cookies of before hold after a restart. Blocking.
HashKey sticky_key(std::string_view secret, const std::string& machine_file = "/etc/machine-id");

}  // namespace edge
