// Makes and checks OCSP messages with OpenSSL.
#include "core/net/tls_ocsp_response.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <string_view>
#include <utility>

#include "core/net/tls_error.h"
#include "core/net/tls_owned.h"
#include "core/net/tls_pem.h"
#include "core/net/tls_x509_text.h"

namespace edge {
namespace {

constexpr std::int64_t kClockSkew = 300;             // seconds by which clocks may differ
constexpr std::int64_t kWithoutNextUpdate = 86'400;  // seconds for which browsers believe such an answer

using Request = Owned<OCSP_REQUEST, OCSP_REQUEST_free>;
using Response = Owned<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using Basic = Owned<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using CertificateId = Owned<OCSP_CERTID, OCSP_CERTID_free>;
using Store = Owned<X509_STORE, X509_STORE_free>;

void release_addresses(STACK_OF(OPENSSL_STRING) * addresses) {
  X509_email_free(addresses);
}
void release_stack(STACK_OF(X509) * certificates) {
  sk_X509_free(certificates);
}

std::unexpected<Error> useless(const OcspSubject& subject, std::string_view why) {
  return tls_failure(fmt::format("{}: the OCSP answer {}", subject.file, why));
}

Result<Basic> parse(const std::string& der, const OcspSubject& subject) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Response response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (!response) {
    ERR_clear_error();
    return useless(subject, "is none, or not in DER");
  }
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return useless(subject, fmt::format("is a refusal: {}", OCSP_response_status_str(status)));
  Basic basic(OCSP_response_get1_basic(response.get()));
  if (!basic) return useless(subject, fmt::format("is of an unknown kind ({})", take_tls_error()));
  return basic;
}

/// By the issuer, or by somebody whom the issuer allowed to; nobody else is trusted, whatever this machine trusts.
Result<void> check_signature(OCSP_BASICRESP* basic, const OcspSubject& subject) {
  const Store store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), subject.issuer.get());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);  // an intermediate is root enough here
  const Owned<STACK_OF(X509), release_stack> signers(sk_X509_new_null());
  sk_X509_push(signers.get(), subject.issuer.get());
  if (OCSP_basic_verify(basic, signers.get(), store.get(), 0) == 1) return {};
  return useless(subject, fmt::format("is not signed by {} or whom it allowed to ({})", subject_of(subject.issuer),
                                      take_tls_error()));
}

/// Answers name a certificate by hashes of their own choice.
bool is_about(OCSP_SINGLERESP* single, const OcspSubject& subject) {
  const OCSP_CERTID* id = OCSP_SINGLERESP_get0_id(single);
  ASN1_OBJECT* digest = nullptr;
  OCSP_id_get0_info(nullptr, &digest, nullptr, nullptr, const_cast<OCSP_CERTID*>(id));
  const EVP_MD* known = EVP_get_digestbyobj(digest);
  if (!known) return false;
  const CertificateId ours(OCSP_cert_to_id(known, subject.leaf.get(), subject.issuer.get()));
  return ours && OCSP_id_cmp(ours.get(), id) == 0;
}

OCSP_SINGLERESP* find_answer(OCSP_BASICRESP* basic, const OcspSubject& subject) {
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic, i);
    if (is_about(single, subject)) return single;
  }
  return nullptr;
}

Result<void> check_times(const OcspResponse& response, const OcspSubject& subject, std::int64_t now) {
  if (response.made > now + kClockSkew) {
    return useless(subject,
                   fmt::format("is of the future, {}; is the clock of this machine right?", utc_text(response.made)));
  }
  if (response.until <= now)
    return useless(subject, fmt::format("is too old: it held until {}", utc_text(response.until)));
  return {};
}

}  // namespace

Result<OcspSubject> OcspSubject::of(const TlsCertificate& certificate, const std::string& file) {
  const auto& chain = certificate.chain;
  if (chain.size() < 2 || X509_check_issued(chain[1].get(), chain[0].get()) != X509_V_OK) {
    return tls_failure(
        fmt::format("{}: OCSP needs the certificate of the issuer, {}, in the chain: append it, or turn `ocsp` off",
                    file, issuer_of(chain[0])));
  }
  return OcspSubject{file, share(chain[0].get()), share(chain[1].get())};
}

std::string ocsp_address(const OcspSubject& subject) {
  const Owned<STACK_OF(OPENSSL_STRING), release_addresses> addresses(X509_get1_ocsp(subject.leaf.get()));
  for (int i = 0; addresses && i < sk_OPENSSL_STRING_num(addresses.get()); ++i) {
    const std::string_view address = sk_OPENSSL_STRING_value(addresses.get(), i);
    if (is_same_name(address.substr(0, 7), "http://")) return std::string(address);
  }
  return {};
}

bool is_same_subject(const OcspSubject& one, const OcspSubject& other) {
  return X509_cmp(one.leaf.get(), other.leaf.get()) == 0 && X509_cmp(one.issuer.get(), other.issuer.get()) == 0;
}

std::string make_ocsp_request(const OcspSubject& subject) {
  const Request request(OCSP_REQUEST_new());
  // SHA-1 names the certificate only, and is what every responder has an answer ready for (RFC 5019 2.1.1).
  OCSP_request_add0_id(request.get(), OCSP_cert_to_id(EVP_sha1(), subject.leaf.get(), subject.issuer.get()));
  unsigned char* bytes = nullptr;
  const int size = i2d_OCSP_REQUEST(request.get(), &bytes);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

Result<OcspResponse> check_ocsp_response(std::string der, const OcspSubject& subject, std::int64_t now) {
  const Result<Basic> basic = parse(der, subject);
  if (!basic) return std::unexpected(basic.error());
  const Result<void> signature = check_signature(basic->get(), subject);
  if (!signature) return std::unexpected(signature.error());
  OCSP_SINGLERESP* answer = find_answer(basic->get(), subject);
  if (!answer) return useless(subject, fmt::format("is about another certificate than {}", subject_of(subject.leaf)));
  ASN1_GENERALIZEDTIME* made = nullptr;
  ASN1_GENERALIZEDTIME* until = nullptr;
  ASN1_GENERALIZEDTIME* revoked = nullptr;
  const int status = OCSP_single_get0_status(answer, nullptr, &revoked, &made, &until);
  if (status == V_OCSP_CERTSTATUS_REVOKED) {
    return fail(ErrorKind::forbidden, Side::ours,
                fmt::format("{}: {} was revoked at {}, says its issuer: clients that ask refuse it; replace it",
                            subject.file, subject_of(subject.leaf), utc_text(unix_time(revoked))));
  }
  if (status != V_OCSP_CERTSTATUS_GOOD)
    return useless(subject, fmt::format("says that {} is unknown to the issuer", subject_of(subject.leaf)));
  OcspResponse response{std::move(der), unix_time(made), 0};
  response.until = until ? unix_time(until) : response.made + kWithoutNextUpdate;
  const Result<void> times = check_times(response, subject, now);
  if (!times) return std::unexpected(times.error());
  return response;
}

}  // namespace edge
