// HostAddresses: looking up the addresses of a host, on a thread that can be left alone with it.
#pragma once

#include <netdb.h>

#include <functional>
#include <memory>
#include <string>

#include "core/result.h"

namespace edge {

struct AddressesRelease {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using HostAddresses = std::unique_ptr<addrinfo, AddressesRelease>;

/// As getaddrinfo().
using LookUpHost = int (*)(const char* host, const char* port, const addrinfo* hints, addrinfo** found);

/// The addresses of `host` for a stream. Blocks, so on the thread pool, and asks every few milliseconds whether to give
/// up: getaddrinfo() has no deadline and cannot be stopped, and may take half a minute where no name server answers. So
/// it runs on a thread of its own, which then ends by itself when it has its answer, and is waited for by nobody, also
/// not by the end of the process. Null: given up. Errors are a sentence's end: "cannot be looked up: …".
Result<HostAddresses> look_up_host(const std::string& host, const std::string& port,
                                   const std::function<bool()>& gives_up, LookUpHost look_up = ::getaddrinfo);

}  // namespace edge
