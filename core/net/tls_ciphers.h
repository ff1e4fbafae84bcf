// The ciphers of TLS 1.2: presets, and lists in OpenSSL's language. Those of 1.3 are all good and always allowed.
#pragma once

#include <string_view>

#include "core/result.h"

struct ssl_ctx_st;

namespace edge {

/// "modern" and "intermediate": our order counts, but a client that likes ChaCha20 best has a processor without AES,
/// and gets it.
bool is_cipher_preset(std::string_view ciphers);

/// The error names the word that OpenSSL does not know, which by itself it would pass over.
Result<> set_ciphers(ssl_ctx_st* context, std::string_view ciphers);

}  // namespace edge
