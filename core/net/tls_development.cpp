// Finds or makes the authority, and then the site's certificate, under one lock.
#include "core/net/tls_development.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/net/tls_certificate_files.h"
#include "core/net/tls_issue.h"
#include "core/net/tls_names.h"
#include "core/net/tls_pem.h"
#include "core/net/tls_private_folder.h"
#include "core/net/tls_x509_text.h"

namespace edge {
namespace {

constexpr Milliseconds kPatience{10'000};
constexpr std::int64_t kRenewedBefore = 30 * 86'400;  // seconds
constexpr const char* kAuthorityFile = "ca.pem";
constexpr const char* kAuthorityKey = "ca.key";
constexpr std::size_t kMostNameBytes = 60;

/// "alice@laptop": so that authorities of several machines can be told apart in a browser's list.
std::string owner() {
  std::array<char, 4096> text{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, text.data(), text.size(), &found);
  std::array<char, 256> machine{};
  ::gethostname(machine.data(), machine.size() - 1);
  return fmt::format("{}@{}", found ? std::string(found->pw_name) : std::to_string(::geteuid()), machine.data());
}

std::unexpected<Error> broken_authority(const PrivateFolder& folder, std::string_view why) {
  return tls_failure(fmt::format("the development authority is broken: {}; remove {} and {}, and edge makes a new one",
                                 why, folder.path_of(kAuthorityFile), folder.path_of(kAuthorityKey)));
}

Result<IssuedCertificate> make_authority(const PrivateFolder& folder, std::int64_t now) {
  Result<IssuedCertificate> made = issue_authority("edge development CA (" + owner() + ")", now);
  if (!made) return made;
  // The certificate comes last: while there is none, nobody trusts the key, and both may be made anew.
  const Result<void> key = folder.write(kAuthorityKey, made->key_pem());
  if (!key) return std::unexpected(key.error());
  const Result<void> certificate = folder.write(kAuthorityFile, made->certificate_pem());
  if (!certificate) return std::unexpected(certificate.error());
  return made;
}

Result<IssuedCertificate> read_authority(const PrivateFolder& folder, std::int64_t now) {
  Result<PemFile> certificate = read_pem_file(folder.path_of(kAuthorityFile));
  if (!certificate) return broken_authority(folder, certificate.error().context);
  Result<PemFile> key = read_pem_file(folder.path_of(kAuthorityKey));
  if (!key) return broken_authority(folder, key.error().context);
  if (certificate->certificates.empty()) return broken_authority(folder, certificate->path + " holds no certificate");
  if (key->keys.empty()) return broken_authority(folder, key->path + " holds no key that can be read");
  IssuedCertificate found{std::move(certificate->certificates[0]), std::move(key->keys[0])};
  const bool fits = X509_check_private_key(found.certificate.get(), found.key.get()) == 1;
  const bool is_authority = X509_check_ca(found.certificate.get()) == 1;
  ERR_clear_error();
  if (!fits) return broken_authority(folder, key->path + " is the key of another certificate");
  if (!is_authority) return broken_authority(folder, certificate->path + " is no authority");
  const std::int64_t until = unix_time(X509_get0_notAfter(found.certificate.get()));
  if (until <= now) return broken_authority(folder, fmt::format("it has expired at {}", utc_text(until)));
  return found;
}

Result<IssuedCertificate> find_authority(const PrivateFolder& folder, std::int64_t now) {
  return folder.has(kAuthorityFile) ? read_authority(folder, now) : make_authority(folder, now);
}

/// Sites with other names have other files, so that two programs do not renew one another's for ever.
std::string file_name(const std::vector<std::string>& hosts) {
  std::string all;
  for (const std::string& host : hosts) all += host + '\n';
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(all.data(), all.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  std::string name = hosts.front().substr(0, kMostNameBytes);
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  for (char& c : name) c = is_plain(c) ? c : '_';
  return fmt::format("site-{}-{:02x}{:02x}{:02x}{:02x}.pem", name, digest[0], digest[1], digest[2], digest[3]);
}

/// Whether what stands there, whoever wrote it, may be served for another month.
bool is_of_use(const std::string& file, const std::vector<std::string>& hosts, const IssuedCertificate& authority,
               std::int64_t now) {
  CertificateCheck ignored;
  const Result<TlsCertificate> found = load_certificate({file, file}, now, ignored);
  if (!found) return false;
  X509* leaf = found->chain.front().get();
  TlsNames names;
  names.add(*leaf);
  const bool is_ours = X509_verify(leaf, X509_get0_pubkey(authority.certificate.get())) == 1;
  ERR_clear_error();
  return is_ours && unix_time(X509_get0_notBefore(leaf)) <= now &&
         unix_time(X509_get0_notAfter(leaf)) - now >= kRenewedBefore &&
         std::ranges::all_of(hosts, [&names](const std::string& host) { return names.cover(host); });
}

std::vector<std::string> hosts_or_this_machine(std::span<const std::string> hosts) {
  if (hosts.empty()) return {"localhost", "*.localhost", "127.0.0.1", "::1"};
  return {hosts.begin(), hosts.end()};
}

Result<void> make_site_certificate(const PrivateFolder& folder, const std::string& name,
                                   const std::vector<std::string>& hosts, const IssuedCertificate& authority,
                                   std::int64_t now) {
  const Result<IssuedCertificate> made = issue_site_certificate(hosts, authority, now);
  if (!made) return std::unexpected(made.error());
  return folder.write(name, made->certificate_pem() + authority.certificate_pem() + made->key_pem());
}

}  // namespace

Result<std::string> development_folder(uid_t user, const char* data_home, const char* home) {
  constexpr const char* kBeneath = "/edge/development";
  const auto is_absolute = [](const char* path) { return path && *path == '/'; };
  if (user == 0) return std::string("/var/lib") + kBeneath;
  if (is_absolute(data_home)) return data_home + std::string(kBeneath);
  if (is_absolute(home)) return home + std::string("/.local/share") + kBeneath;
  return tls_failure(
      "`self_signed` needs a folder for its authority, and neither XDG_DATA_HOME nor HOME names one: set XDG_DATA_HOME "
      "to a folder that edge may write to");
}

Result<DevelopmentCertificate> development_certificate(const std::string& folder, std::span<const std::string> hosts,
                                                       std::int64_t now) {
  const Result<PrivateFolder> taken = PrivateFolder::take(folder, kPatience);
  if (!taken) return std::unexpected(taken.error());
  const Result<IssuedCertificate> authority = find_authority(*taken, now);
  if (!authority) return std::unexpected(authority.error());
  DevelopmentCertificate found{{}, taken->path_of(kAuthorityFile), hosts_or_this_machine(hosts)};
  const std::string name = file_name(found.hosts);
  found.files = {taken->path_of(name), taken->path_of(name)};
  if (is_of_use(found.files.certificate, found.hosts, *authority, now)) return found;
  const Result<void> made = make_site_certificate(*taken, name, found.hosts, *authority, now);
  if (!made) return std::unexpected(made.error());
  return found;
}

std::string how_to_trust(const DevelopmentCertificate& certificate) {
  std::string hosts;
  for (const std::string& host : certificate.hosts) hosts += (hosts.empty() ? "" : ", ") + host;
  return fmt::format(
      "a certificate for development serves {1}; to trust it, trust its authority, {0}:\n"
      "  curl      curl --cacert {0} https://…\n"
      "  Python    SSL_CERT_FILE={0}, for requests REQUESTS_CA_BUNDLE={0}\n"
      "  Debian    sudo cp {0} /usr/local/share/ca-certificates/edge-development.crt && sudo update-ca-certificates\n"
      "  browsers  import it as an authority: Firefox under Settings, Privacy & Security, Certificates; Chrome under "
      "Settings, Security, Manage certificates\n"
      "keep {2} beside it secret: who has it can be any site to those who trust the authority",
      certificate.authority, hosts, kAuthorityKey);
}

}  // namespace edge
