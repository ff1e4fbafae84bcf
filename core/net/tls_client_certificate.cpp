// A client's certificate as text.
#include "core/net/tls_client_certificate.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <string_view>

#include "core/net/tls_x509_text.h"

namespace edge {

namespace {

struct TextRelease {
  void operator()(BIO* text) const { BIO_free(text); }
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(char* text) const { OPENSSL_free(text); }
};
using Text = std::unique_ptr<BIO, TextRelease>;

std::string content_of(BIO* text) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text, &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

bool TlsClientCertificate::verified() const {
  return certificate_ && verdict_ == X509_V_OK;
}

std::string TlsClientCertificate::verify() const {
  if (!certificate_) return "NONE";
  if (verdict_ == X509_V_OK) return "SUCCESS";
  return fmt::format("FAILED:{}", X509_verify_cert_error_string(verdict_));
}

std::string TlsClientCertificate::subject() const {
  return certificate_ ? distinguished_name(X509_get_subject_name(certificate_.get())) : std::string();
}

std::string TlsClientCertificate::issuer() const {
  return certificate_ ? distinguished_name(X509_get_issuer_name(certificate_.get())) : std::string();
}

std::string TlsClientCertificate::serial() const {
  if (!certificate_) return {};
  const std::unique_ptr<BIGNUM, TextRelease> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate_.get()), nullptr));
  const std::unique_ptr<char, TextRelease> text(number ? BN_bn2hex(number.get()) : nullptr);
  return text ? text.get() : "";
}

std::string TlsClientCertificate::fingerprint() const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> print{};
  unsigned size = 0;
  if (!certificate_ || X509_digest(certificate_.get(), EVP_sha1(), print.data(), &size) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", print[i]);
  return text;
}

std::string TlsClientCertificate::pem() const {
  const Text text(BIO_new(BIO_s_mem()));
  if (!certificate_ || !text || PEM_write_bio_X509(text.get(), certificate_.get()) != 1) return {};
  return content_of(text.get());
}

}  // namespace edge
