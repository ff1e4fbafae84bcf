// Certificates made in memory for tests: authorities, servers, clients.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "core/net/tls_certificate.h"

namespace edge::test {

inline void need(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

inline KeyPointer ecdsa_key() {
  return KeyPointer(EVP_EC_gen("P-256"));
}
inline KeyPointer rsa_key(unsigned bits = 2048) {
  return KeyPointer(EVP_RSA_gen(bits));
}

/// A certificate with its key, and what it was signed by.
struct Identity {
  X509Pointer certificate;
  KeyPointer key;

  TlsCertificate material(std::string ocsp_response = {}) const {
    TlsCertificate made;
    made.chain.push_back(share(certificate.get()));
    EVP_PKEY_up_ref(key.get());
    made.key.reset(key.get());
    made.ocsp_response = std::move(ocsp_response);
    return made;
  }
  std::string pem() const {
    BIO* const text = BIO_new(BIO_s_mem());
    need(PEM_write_bio_X509(text, certificate.get()) == 1, "PEM");
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(text, &bytes);
    std::string pem(bytes, static_cast<std::size_t>(size));
    BIO_free(text);
    return pem;
  }
};

struct Wanted {
  std::string common_name;
  std::string names = {};            // subjectAltName as in openssl.cnf: "DNS:a.test,IP:127.0.0.1"
  const Identity* signer = nullptr;  // null: self-signed
  bool authority = false;
  long valid_for = 3600;  // seconds from now; it is valid since a day
  KeyPointer key = ecdsa_key();
};

inline Identity identity(Wanted wanted) {
  static long serial = 0x1000;
  Identity made{X509Pointer(X509_new()), std::move(wanted.key)};
  X509* const x509 = made.certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x509), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), wanted.valid_for);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wanted.common_name.c_str()), -1, -1, 0);
  const Identity& signer = wanted.signer ? *wanted.signer : made;
  X509_set_issuer_name(x509, X509_get_subject_name(signer.certificate.get()));
  X509_set_pubkey(x509, made.key.get());
  const auto extend = [&](int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, signer.certificate.get(), x509, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    need(extension && X509_add_ext(x509, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
  };
  if (wanted.authority) extend(NID_basic_constraints, "critical,CA:TRUE");
  if (!wanted.names.empty()) extend(NID_subject_alt_name, wanted.names.c_str());
  need(X509_sign(x509, signer.key.get(), EVP_sha256()) > 0, "signing");
  return made;
}

}  // namespace edge::test
