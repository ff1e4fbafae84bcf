// The schema of whom edge serves: lists of addresses, deny and allow, bans.
#include "config/schema.h"

namespace edge::config {
namespace {

constexpr Key kAccess[] = {
    Key{"deny", Type::texts, "[]",
        "Clients that are not served: addresses, networks (`10.0.0.0/8`), `all`, and `@NAME` for a list. Where several "
        "entries "
        "of "
        "`deny` and `allow` hold for an address, the longest prefix decides: `allow: 10.0.0.0/8` with `deny: "
        "10.1.0.0/16` "
        "denies 10.1.2.3; of the same network in both, `deny` does. A connection that every site and route of its "
        "address denies is closed before a byte of it is read; for others that is found out when host and path are "
        "known. "
        "Behind `edge.trusted_proxies` it is the client they tell that counts. Whoever comes through a unix socket is "
        "served."},
    Key{"allow", Type::texts, "[]", "Such entries; when any is given, whoever is in none is denied."},
    Key{"deny_with", Type::choice, "close",
        "What who is denied or banned gets: `close`, the connection (of HTTP/2 the stream) ends without a word; `403`, "
        "that "
        "answer. A client behind one of `edge.trusted_proxies` always gets the 403, because a proxy takes a closed "
        "connection for the failure of this server."}
        .of("close, 403"),
    Key{"ban", Type::maps, "[]",
        "What earns a client a ban, as below: one map or a list. IPv6 clients are counted and banned by their network "
        "of 64 bits; `edge.trusted_proxies` never are. `edge bans` shows who is banned, `edge unban` forgives."},
};

constexpr Key kList[] = {
    Key{"addresses", Type::texts, "[]", "Addresses and networks."},
    Key{"file", Type::path, "~",
        "One address or network a line, `#` begins a comment; at most 4,000,000. Read again when it changes: a file "
        "with a "
        "fault is not taken over then, what was read before holds on."},
    Key{"url", Type::text, "~", "Reserved."}.later(),
};

constexpr Key kBan[] = {
    Key{"when", Type::text, "",
        "So many answers of a status within a while: `20 x 401 in 1m`. The status may be a class (`4xx`) or `any`."},
    Key{"for", Type::duration, "1h", "How long the ban holds, for every site."}.between(1000, kMostTime),
};

}  // namespace

std::span<const Key> access_keys() {
  return kAccess;
}

std::span<const SectionSchema> access_sections() {
  static const SectionSchema sections[] = {
      {"lists.NAME", "A named address list.", {kList}},
      {"http.ban[]", "`ban` of `http`, a site or a route.", {kBan}},
  };
  return sections;
}

}  // namespace edge::config
