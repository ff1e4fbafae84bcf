// The list behind the presets; words of other lists are looked at one by one.
#include "core/net/tls_ciphers.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <string>

#include "core/net/tls_error.h"

namespace edge {

namespace {

constexpr std::string_view kSeparators = ":, ;";

/// Forward secrecy and authenticated encryption, at little cost.
constexpr std::string_view kModern =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/// What Mozilla's intermediate list has beyond that: finite-field Diffie-Hellman, which costs milliseconds.
constexpr std::string_view kOlder = ":DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";

/// The same order for TLS 1.3. OpenSSL's own puts AES-256 first, which costs a third more.
constexpr const char* kStrong13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

std::unexpected<Error> wrong(std::string_view what, std::string_view why) {
  return fail(ErrorKind::internal, Side::ours, fmt::format("TLS: ciphers: '{}': {}", what, why));
}

/// What a word takes away, or orders, may be unknown: old ciphers go, and lists that forbid them stay.
bool adds(std::string_view word) {
  return !word.empty() && std::string_view("!-+@").find(word.front()) == std::string_view::npos;
}

Result<> set_list(ssl_ctx_st* context, std::string_view ciphers) {
  for (std::size_t at = 0; at < ciphers.size();) {
    const std::size_t end = std::min(ciphers.find_first_of(kSeparators, at), ciphers.size());
    const std::string word(ciphers.substr(at, end - at));
    if (adds(word) && SSL_CTX_set_cipher_list(context, word.c_str()) != 1) {
      take_tls_error();
      return wrong(word, "OpenSSL knows no such cipher of TLS 1.2; `openssl ciphers -tls1_2` lists them");
    }
    at = end + 1;
  }
  if (SSL_CTX_set_cipher_list(context, std::string(ciphers).c_str()) == 1) return {};
  return wrong(ciphers, take_tls_error());
}

}  // namespace

bool is_cipher_preset(std::string_view ciphers) {
  return ciphers == "modern" || ciphers == "intermediate";
}

Result<> set_ciphers(ssl_ctx_st* context, std::string_view ciphers) {
  if (SSL_CTX_set_ciphersuites(context, kStrong13) != 1) return wrong(kStrong13, take_tls_error());
  if (ciphers == "modern") return set_list(context, kModern);
  SSL_CTX_set_dh_auto(context, 1);  // a group as strong as the certificate's key
  return set_list(context, ciphers == "intermediate" ? std::string(kModern).append(kOlder) : ciphers);
}

}  // namespace edge
