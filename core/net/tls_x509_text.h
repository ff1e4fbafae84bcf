// What stands in a certificate, as text and numbers.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/net/tls_pointers.h"

namespace edge {

/// The distinguished names as people read them (RFC 2253), in quotes; bytes that are no printable ASCII are escaped.
std::string subject_of(const X509Pointer& certificate);
std::string issuer_of(const X509Pointer& certificate);

/// Seconds since the epoch; the least number when it is no time.
std::int64_t unix_time(const ASN1_TIME* time);

/// "2026-11-21 10:55 UTC".
std::string utc_text(std::int64_t unix_seconds);

/// As long as `text` lives and is not changed.
std::string_view text_of(const ASN1_STRING* text);

/// Of ASCII: upper and lower case are the same.
bool is_same_name(std::string_view one, std::string_view other);

}  // namespace edge
