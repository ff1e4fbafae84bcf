// Asks an OCSP responder over plain HTTP (RFC 6960 appendix A).
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

#include "core/duration.h"
#include "core/net/host_addresses.h"
#include "core/result.h"

namespace edge {

constexpr Milliseconds kOcspPatience{10'000};
constexpr std::size_t kMostOcspBytes = 64 * 1024;

/// Posts `request` to `address` ("http://…") and returns the body of the answer, unchecked. Blocking, for the thread
/// pool: at most `patience` altogether; soon ends once `unwanted` is true, so that no stop waits for it, also while the
/// responder's name is looked up. Errors name the address and the cause; among them an answer of more than
/// kMostOcspBytes.
Result<std::string> fetch_ocsp(const std::string& address, const std::string& request,
                               const std::atomic<bool>& unwanted, Milliseconds patience = kOcspPatience,
                               LookUpHost look_up = ::getaddrinfo);

}  // namespace edge
