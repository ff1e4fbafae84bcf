// What stands in a certificate, as text and numbers.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/net/tls_pointers.h"

namespace edge {

/// A distinguished name as RFC 2253 writes it; bytes that are no printable ASCII are escaped. Empty without memory.
std::string distinguished_name(const X509_NAME* name);
/// The same of a certificate, in quotes.
std::string subject_of(const X509Pointer& certificate);
std::string issuer_of(const X509Pointer& certificate);

/// Seconds since the epoch; the least number when it is no time.
std::int64_t unix_time(const ASN1_TIME* time);

/// "2026-11-21 10:55 UTC".
std::string utc_text(std::int64_t unix_seconds);

/// Of ASCII: upper and lower case are the same.
bool is_same_name(std::string_view one, std::string_view other);

}  // namespace edge
