// Certificates for tests: authorities and what they issue, good or broken on purpose, in memory and as files.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/net/tls_certificate.h"

namespace edge::test {

struct Issued {
  X509Pointer certificate;
  KeyPointer key;
  std::string pem;
  std::string key_pem;
};

struct IssueOptions {
  std::string name = "localhost";  // the common name
  std::string alternative_names = "DNS:localhost";
  std::string constraints = "critical,CA:FALSE";
  std::string key_usage = {};  // of extendedKeyUsage; empty: none
  std::string authority_information = {};
  long begins = -3'600;  // seconds from now
  long ends = 90L * 86'400;
  int rsa_bits = 0;  // 0: P-256
  const EVP_MD* digest = EVP_sha256();
};

inline IssueOptions authority(const std::string& name) {
  return {.name = name, .alternative_names = "", .constraints = "critical,CA:TRUE"};
}

inline std::string written(void (*write)(BIO*, const Issued&), const Issued& from) {
  BIO* memory = BIO_new(BIO_s_mem());
  write(memory, from);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string result(text, static_cast<std::size_t>(size));
  BIO_free(memory);
  return result;
}

inline void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (!extension) throw std::runtime_error("no such extension: " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Self-signed without an issuer. Serial numbers count up.
inline Issued issue(const IssueOptions& options = {}, const Issued* issuer = nullptr) {
  static long serial = 1'000;
  Issued made;
  made.key.reset(options.rsa_bits ? EVP_RSA_gen(static_cast<unsigned>(options.rsa_bits)) : EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), options.begins);
  X509_gmtime_adj(X509_getm_notAfter(certificate), options.ends);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(options.name.c_str()), -1, -1, 0);
  X509* signed_by = issuer ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signed_by));
  extend(certificate, signed_by, NID_basic_constraints, options.constraints);
  extend(certificate, signed_by, NID_subject_key_identifier, "hash");
  if (issuer) extend(certificate, signed_by, NID_authority_key_identifier, "keyid:always");
  extend(certificate, signed_by, NID_subject_alt_name, options.alternative_names);
  extend(certificate, signed_by, NID_ext_key_usage, options.key_usage);
  extend(certificate, signed_by, NID_info_access, options.authority_information);
  if (!X509_sign(certificate, issuer ? issuer->key.get() : made.key.get(), options.digest))
    throw std::runtime_error("the certificate cannot be signed");
  made.pem = written([](BIO* to, const Issued& from) { PEM_write_bio_X509(to, from.certificate.get()); }, made);
  made.key_pem = written(
      [](BIO* to, const Issued& from) {
        PEM_write_bio_PrivateKey(to, from.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
      },
      made);
  return made;
}

/// The chain with the leaf's key, as the loader gives it.
inline TlsCertificate chain_of(const Issued& leaf, const std::vector<const Issued*>& issuers = {}) {
  TlsCertificate chain;
  chain.chain.push_back(share(leaf.certificate.get()));
  for (const Issued* each : issuers) chain.chain.push_back(share(each->certificate.get()));
  EVP_PKEY_up_ref(leaf.key.get());
  chain.key.reset(leaf.key.get());
  return chain;
}

}  // namespace edge::test
