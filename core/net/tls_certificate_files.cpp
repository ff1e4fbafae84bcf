// Takes from each file what it was named for, and says what stands there instead.
#include "core/net/tls_certificate_files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "core/net/tls_pem.h"

namespace edge {
namespace {

bool has_key(const PemFile& file) {
  return file.has_encrypted_key || !file.keys.empty();
}

std::unexpected<Error> explain_without_certificate(const PemFile& certificate, const PemFile& key) {
  if (has_key(certificate) && !key.certificates.empty()) {
    return tls_failure(fmt::format("{} is a private key and {} a certificate: swap `certificate` and `key`",
                                   certificate.path, key.path));
  }
  if (has_key(certificate))
    return tls_failure(certificate.path + " holds a private key and no certificate; name the file of the chain");
  return tls_failure(certificate.path +
                     " holds no certificate; name the file with \"-----BEGIN CERTIFICATE-----\" in it");
}

std::unexpected<Error> explain_without_key(const PemFile& file) {
  if (file.has_encrypted_key) {
    return tls_failure(fmt::format(
        "{} is encrypted, and nobody is there to type its password; decrypt it: openssl pkey -in {} -out NEW.key",
        file.path, file.path));
  }
  if (!file.certificates.empty())
    return tls_failure(file.path + " holds a certificate and no private key; name the file of the key");
  return tls_failure(file.path + " holds no private key; name the file with \"-----BEGIN PRIVATE KEY-----\" in it");
}

void check_mode(const std::string& key_file, CertificateCheck& check) {
  struct stat found{};
  if (::stat(key_file.c_str(), &found) != 0 || (found.st_mode & S_IRWXO) == 0) return;
  check.warnings.push_back(
      fmt::format("{}: every user of this machine may read or change the key (mode {:o}); chmod "
                  "o= {}",
                  key_file, found.st_mode & 07777U, key_file));
}

/// Chain and key, which belong together and are strong enough.
Result<TlsCertificate> read_certificate(const TlsCertificateFiles& files, CertificateCheck& check) {
  Result<PemFile> chain = read_pem_file(files.certificate);
  if (!chain) return std::unexpected(chain.error());
  Result<PemFile> key = read_pem_file(files.key);
  if (!key) return std::unexpected(key.error());
  if (chain->certificates.empty()) return explain_without_certificate(*chain, *key);
  if (key->keys.empty()) return explain_without_key(*key);
  TlsCertificate certificate;
  certificate.chain = std::move(chain->certificates);
  certificate.key = std::move(key->keys.front());
  const Result<void> ordered = put_in_order(certificate, files.certificate, check);
  if (!ordered) return std::unexpected(Error{.context = files.key + ", " + ordered.error().context});
  const Result<void> strong = check_strength(certificate, files.certificate);
  if (!strong) return std::unexpected(strong.error());
  check_mode(files.key, check);
  return certificate;
}

}  // namespace

Result<TlsCertificate> load_certificate(const TlsCertificateFiles& files, std::int64_t now, CertificateCheck& check) {
  Result<TlsCertificate> certificate = read_certificate(files, check);
  if (certificate) check_for_clients(*certificate, files.certificate, now, check);
  return certificate;
}

Result<TlsCertificate> load_client_certificate(const TlsCertificateFiles& files, std::int64_t now,
                                               CertificateCheck& check) {
  Result<TlsCertificate> certificate = read_certificate(files, check);
  if (certificate) check_for_servers(*certificate, files.certificate, now, check);
  return certificate;
}

Result<std::vector<TlsCertificate>> load_certificates(std::span<const TlsCertificateFiles> files,
                                                      std::span<const std::string> hosts, std::int64_t now,
                                                      CertificateCheck& check) {
  std::vector<TlsCertificate> loaded;
  std::string names;
  for (const TlsCertificateFiles& each : files) {
    Result<TlsCertificate> certificate = load_certificate(each, now, check);
    if (!certificate) return std::unexpected(certificate.error());
    loaded.push_back(std::move(*certificate));
    names += (names.empty() ? "" : ", ") + each.certificate;
  }
  check_hosts(loaded, hosts, names, check);
  return loaded;
}

}  // namespace edge
