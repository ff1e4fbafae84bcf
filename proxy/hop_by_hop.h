// The header fields that concern one connection and may not pass from one to the next (RFC 9110 7.6.1).
#pragma once

#include "core/http/header_list.h"

namespace edge {

/// Removes Connection and every field that it names, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding and
/// Upgrade. Proxy-Authenticate stays: a server behind edge may well be a proxy.
void remove_hop_by_hop(HeaderList& headers);

}  // namespace edge
