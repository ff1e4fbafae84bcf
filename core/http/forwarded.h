// What proxies in front tell of a request: Forwarded (RFC 7239), or X-Forwarded-For, -Proto, -Host and -Port.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/address.h"
#include "core/http/header_list.h"

namespace edge {

struct Request;
struct TrustedProxies;

/// What may be believed; what is not told, or told in a way that means nothing, is left as it is here.
struct Forwarded {
  Address client;             // port 0: not told
  std::optional<bool> https;  // the scheme that the client used
  std::string_view host;      // that the client asked for: lower case, without port; valid
  std::uint16_t port = 0;     // of the server, as the client named it; 0: not told
};

/// So many proxies are asked for who came to them; the client is then who came to the last of these.
inline constexpr std::size_t kMostProxies = 64;

/// Reads the fields of a request that came from a trusted proxy; from anybody else they must not be read.
///
/// Each proxy adds at the end who came to it. So the walk begins there and goes on as long as that is a trusted proxy
/// itself: the first that is none is the client, or the leftmost when all are. What no address can be read from
/// ("unknown", "_hidden", nonsense) ends the walk, and the client is who was found until then.
///
/// One family is read, and the other ignored: X-Forwarded-* when any of these four is there, else Forwarded. Most
/// proxies (nginx, HAProxy, those of cloud providers) write the former, and pass on what their client wrote into the
/// latter; one that writes Forwarded must remove X-Forwarded-*.
///
/// Of Forwarded each element is one proxy's word, so scheme and host are those of the farthest trusted proxy that tells
/// them. Lists in X-Forwarded-Proto, -Host and -Port cannot be matched with X-Forwarded-For: their last is the nearest
/// proxy's word, and the only one that is surely not the client's. X-Forwarded-Port wins over a port in -Host.
///
/// Views point into the fields or into `arena`. Takes time in the size of the fields.
Forwarded read_forwarded(const HeaderList& headers, const TrustedProxies& trusted, Arena& arena);

/// Fills request.forwarded when the connection's peer is trusted. A host that is told takes the place of the request's,
/// and of its Host field, with the port where that is not the scheme's own: so site, log and app see what the client
/// asked for. Before the request's site is looked up.
void believe_forwarded(Request& request, const TrustedProxies& trusted);

}  // namespace edge
