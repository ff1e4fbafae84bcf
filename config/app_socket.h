// Loading of the socket at which an app is served by the plain uwsgi protocol.
#pragma once

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

/// Reads socket and chmod_socket.
void read_socket(const Section& section, App& app);

/// Reports sockets of apps that a site or another app listens on too, and of both that are the control socket. `top` is
/// the top level of the file.
void check_sockets(const Section& top, const Snapshot& snapshot);

}  // namespace edge::config
