// Which process listens on a port: for the error message when a port is in use.
#pragma once

#include <cstdint>
#include <string>

namespace edge {

/// "nginx (pid 4711)", or empty when it cannot be read. Reads /proc; blocking, for start-up errors only.
std::string process_listening_on(std::uint16_t port);

}  // namespace edge
