// Fills in and signs X.509 certificates with OpenSSL.
#include "core/net/tls_issue.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "core/net/tls_error.h"
#include "core/net/tls_owned.h"
#include "core/net/tls_pem.h"
#include "core/net/tls_x509_text.h"

namespace edge {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kBefore = kDay;  // clocks of other machines may be behind
constexpr std::int64_t kAuthorityLife = 3'650 * kDay;
constexpr std::int64_t kSiteLife = 90 * kDay;  // browsers refuse what lasts longer than 397
constexpr std::size_t kMostNameBytes = 64;
constexpr int kSerialBits = 127;

using Names = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;
using Name = Owned<GENERAL_NAME, GENERAL_NAME_free>;
using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;
using Number = Owned<BIGNUM, BN_free>;

bool set_serial(X509* certificate) {
  const Number number(BN_new());
  return number && BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

bool set_times(X509* certificate, std::int64_t from, std::int64_t until) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from) && ASN1_TIME_set(X509_getm_notAfter(certificate), until);
}

bool set_subject(X509* certificate, const std::string& name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()), static_cast<int>(name.size()),
                                    -1, 0) == 1;
}

/// `value`: in OpenSSL's language of configuration, so never a text from elsewhere.
bool extend(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

Name name_of(const std::string& host) {
  Name name(GENERAL_NAME_new());
  if (ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str())) {
    GENERAL_NAME_set0_value(name.get(), GEN_IPADD, address);
    return name;
  }
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, host.data(), static_cast<int>(host.size()));
  GENERAL_NAME_set0_value(name.get(), GEN_DNS, text);
  return name;
}

bool set_hosts(X509* certificate, std::span<const std::string> hosts) {
  const Names names(sk_GENERAL_NAME_new_null());
  for (const std::string& host : hosts) {
    Name name = name_of(host);
    if (sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) return false;
    [[maybe_unused]] GENERAL_NAME* const owned_by_names = name.release();
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

/// A certificate with its own new key, and nothing else that differs between kinds.
Result<IssuedCertificate> begin(const std::string& name, std::int64_t from, std::int64_t until) {
  IssuedCertificate issued{X509Pointer(X509_new()), KeyPointer(EVP_EC_gen("P-256"))};
  X509* certificate = issued.certificate.get();
  const bool done = certificate && issued.key && X509_set_version(certificate, X509_VERSION_3) == 1 &&
                    set_serial(certificate) && set_times(certificate, from, until) && set_subject(certificate, name) &&
                    X509_set_pubkey(certificate, issued.key.get()) == 1;
  if (!done) return tls_failure("no certificate for development can be made: " + take_tls_error());
  return issued;
}

Result<IssuedCertificate> sign(IssuedCertificate issued, EVP_PKEY* by, bool extended) {
  if (!extended || !X509_sign(issued.certificate.get(), by, EVP_sha256()))
    return tls_failure("no certificate for development can be made: " + take_tls_error());
  ERR_clear_error();
  return issued;
}

std::string take_text(BIO* memory) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

std::string IssuedCertificate::certificate_pem() const {
  const OwnedBio memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate.get());
  return take_text(memory.get());
}

std::string IssuedCertificate::key_pem() const {
  const OwnedBio memory(BIO_new(BIO_s_secmem()));
  PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return take_text(memory.get());
}

Result<IssuedCertificate> issue_authority(std::string name, std::int64_t now) {
  name.resize(std::min(name.size(), kMostNameBytes));
  Result<IssuedCertificate> issued = begin(name, now - kBefore, now + kAuthorityLife);
  if (!issued) return issued;
  X509* certificate = issued->certificate.get();
  const bool extended = X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
                        extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                        extend(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                        extend(certificate, certificate, NID_ext_key_usage, "serverAuth") &&
                        extend(certificate, certificate, NID_subject_key_identifier, "hash");
  EVP_PKEY* key = issued->key.get();
  return sign(std::move(*issued), key, extended);
}

Result<IssuedCertificate> issue_site_certificate(std::span<const std::string> hosts, const IssuedCertificate& authority,
                                                 std::int64_t now) {
  X509* issuer = authority.certificate.get();
  const std::int64_t until = std::min(now + kSiteLife, unix_time(X509_get0_notAfter(issuer)));
  Result<IssuedCertificate> issued = begin("edge development", now - kBefore, until);
  if (!issued) return issued;
  X509* certificate = issued->certificate.get();
  const bool extended = X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
                        extend(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                        extend(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
                        extend(certificate, issuer, NID_ext_key_usage, "serverAuth") &&
                        extend(certificate, issuer, NID_subject_key_identifier, "hash") &&
                        extend(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
                        set_hosts(certificate, hosts);
  return sign(std::move(*issued), authority.key.get(), extended);
}

}  // namespace edge
