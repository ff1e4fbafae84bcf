// OCSP (RFC 6960) without a network: what is asked about a certificate, and what an answer is worth.
#pragma once

#include <cstdint>
#include <string>

#include "core/net/tls_certificate.h"
#include "core/net/tls_pointers.h"
#include "core/result.h"

namespace edge {

/// The certificate that is asked about and its issuer, who answers. May move between threads; used by one at a time.
struct OcspSubject {
  std::string file;  // where the certificate comes from, for people
  X509Pointer leaf;
  X509Pointer issuer;

  /// Shares both with `certificate`. Error: the issuer is not in the chain, so nothing could be checked.
  static Result<OcspSubject> of(const TlsCertificate& certificate, const std::string& file);
};

/// Whether an answer about the one is one about the other.
bool is_same_subject(const OcspSubject& one, const OcspSubject& other);

/// An answer that was checked. Times are seconds since the epoch.
struct OcspResponse {
  std::string der;
  std::int64_t made = 0;
  std::int64_t until = 0;  // from then on no client believes it
};

/// The address that the certificate names for questions: "http://…"; empty: none of that scheme. Let's Encrypt's name
/// none since 2025.
std::string ocsp_address(const OcspSubject& subject);

/// DER, without a nonce: answers are made in advance, and the same for all.
std::string make_ocsp_request(const OcspSubject& subject);

/// `der` comes from anywhere. Errors say what is wrong with it: no OCSP, a refusal to answer, not signed by the issuer
/// or whom it delegated, about another certificate, of another time than `now`, "unknown", or, of kind `forbidden`,
/// "revoked": that is not stapled either, so that clients go on asking for themselves.
Result<OcspResponse> check_ocsp_response(std::string der, const OcspSubject& subject, std::int64_t now);

}  // namespace edge
