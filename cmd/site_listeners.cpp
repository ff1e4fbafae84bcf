// One socket an address and loop; the address is opened once where sites share it.
#include "cmd/site_listeners.h"

#include <unistd.h>

#include <algorithm>

#include "core/net/listener.h"

namespace edge {

Result<std::vector<std::vector<OpenListener>>> open_listeners(const config::Snapshot& snapshot) {
  std::vector<std::vector<OpenListener>> sets(snapshot.process.threads);
  std::vector<config::Listen> seen;
  for (const config::Site& site : snapshot.sites) {
    for (const config::Listen& listen : site.listen) {
      if (std::find(seen.begin(), seen.end(), listen) != seen.end()) continue;
      seen.push_back(listen);
      Address address = listen.address;
      UniqueFd shared;
      if (!listen.unix_path.empty()) {
        Result<UniqueFd> opened = open_unix_listener(listen.unix_path, listen.backlog);
        if (!opened) return fail(ErrorKind::internal, Side::ours, listen.place.text() + ": " + opened.error().context);
        shared = std::move(*opened);
      }
      for (auto& set : sets) {
        const PortUse use = sets.size() == 1        ? PortUse::alone
                            : &set == &sets.front() ? PortUse::first_of_many
                                                    : PortUse::one_of_many;
        Result<UniqueFd> opened =
            shared ? UniqueFd(::dup(shared.get())) : open_tcp_listener(address, listen.backlog, use);
        if (!opened) return fail(ErrorKind::internal, Side::ours, listen.place.text() + ": " + opened.error().context);
        if (!shared && address.port == 0) address = bound_address(opened->get());
        set.push_back({&listen, std::move(*opened), address});
      }
    }
  }
  return sets;
}

}  // namespace edge
