// Making an SSL_CTX for the servers of an upstream, and sessions out of it.
#include "core/net/tls_client_context.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "core/address.h"
#include "core/net/tls_certificate_files.h"
#include "core/net/tls_ciphers.h"
#include "core/net/tls_client_stream.h"
#include "core/net/tls_common_rules.h"
#include "core/net/tls_error.h"
#include "core/net/tls_file_state.h"
#include "core/net/tls_owned.h"
#include "core/net/tls_pem.h"

namespace edge {

namespace {

using OwnedSession = Owned<SSL_SESSION, SSL_SESSION_free>;

constexpr unsigned char kProtocols[] = "\x08http/1.1";  // ALPN (RFC 7301), as on the wire

/// Where systems keep the authorities that they trust, in one file: a folder of OpenSSL's would be read in the midst of
/// a handshake.
constexpr std::array kSystemStores = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, Red Hat
    "/etc/pki/tls/certs/ca-bundle.crt",                   // older ones of these
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine
};

/// OpenSSL's variable SSL_CERT_FILE comes first. Empty: there is none.
std::string system_store() {
  const char* const named = std::getenv(X509_get_default_cert_file_env());
  if (named && *named) return named;
  const auto* const found =
      std::ranges::find_if(kSystemStores, [](const char* path) { return ::access(path, R_OK) == 0; });
  return found == kSystemStores.end() ? std::string() : *found;
}

/// A session that has run out, or whose server has shown a certificate that has: a new handshake looks at the next one.
bool is_stale(const SSL_SESSION* session) {
  if (SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) <= std::time(nullptr)) return true;
  X509* const server = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));
  return server && X509_cmp_current_time(X509_get0_notAfter(server)) <= 0;
}

bool resume(SSL* ssl, const std::string& kept) {
  const auto* at = reinterpret_cast<const unsigned char*>(kept.data());
  const OwnedSession session(d2i_SSL_SESSION(nullptr, &at, static_cast<long>(kept.size())));
  ERR_clear_error();  // one that cannot be read is none
  return !session || is_stale(session.get()) || SSL_set_session(ssl, session.get()) == 1;
}

/// What the certificate must be for; the server hears a host's name (RFC 6066, 3) and never an address.
bool expect(SSL* ssl, const std::string& server_name) {
  X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
  if (Address::from_ip(server_name)) return X509_VERIFY_PARAM_set1_ip_asc(rules, server_name.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return !server_name.empty() && X509_VERIFY_PARAM_set1_host(rules, server_name.data(), server_name.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, server_name.c_str()) == 1;
}

std::vector<std::string> files_of(const TlsClientSettings& settings) {
  std::vector<std::string> files;
  if (settings.verify) files.push_back(settings.ca.empty() ? system_store() : settings.ca);
  files.push_back(settings.certificate);
  files.push_back(settings.key);
  std::erase(files, std::string());
  return files;
}

}  // namespace

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::make(const TlsClientSettings& settings,
                                                                       std::int64_t now, CertificateCheck& check) {
  std::shared_ptr<TlsClientContext> made(new TlsClientContext);
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  if (!made->context_) return tls_failure("TLS: " + take_tls_error());
  made->files_ = files_of(settings);
  made->state_ = tls_file_state(made->files_);
  if (Result<> used = made->use(settings, now, check); !used) return std::unexpected(std::move(used.error()));
  return made;
}

bool TlsClientContext::is_current() const {
  return state_ == tls_file_state(files_);
}

Result<> TlsClientContext::use(const TlsClientSettings& settings, std::int64_t now, CertificateCheck& check) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_security_level(context, kTlsSecurityLevel);
  if (!set_common_rules(context) || SSL_CTX_set_alpn_protos(context, kProtocols, sizeof kProtocols - 1) != 0) {
    return tls_failure("TLS: " + take_tls_error());
  }
  if (Result<> ciphers = set_ciphers(context, "modern"); !ciphers) return ciphers;
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, TlsClientStream::keep_session);
  verifies_ = settings.verify;
  SSL_CTX_set_verify(context, verifies_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (verifies_) {
    if (Result<> used = use_authorities(settings.ca); !used) return used;
  }
  return use_certificate(settings, now, check);
}

Result<> TlsClientContext::use_authorities(const std::string& ca) {
  if (ca.empty()) {
    const std::string store = system_store();
    if (store.empty()) {
      return tls_failure(
          "TLS: this system has no file of authorities that it trusts; install its package ca-certificates, or name a "
          "file in `ca`");
    }
    if (SSL_CTX_load_verify_file(context_.get(), store.c_str()) == 1) return {};
    return tls_failure(
        fmt::format("TLS: the system's authorities in {}: {}; name another file in `ca`", store, take_tls_error()));
  }
  Result<PemFile> file = read_pem_file(ca);
  if (!file) return tls_failure("TLS: ca: " + file.error().context);
  if (file->certificates.empty()) {
    return tls_failure(
        fmt::format("TLS: ca: {} holds no certificate; name the file of the authorities' certificates", ca));
  }
  X509_STORE* const trusted = SSL_CTX_get_cert_store(context_.get());
  // Who is named is trusted, be it a root, another authority or the server's own certificate.
  X509_STORE_set_flags(trusted, X509_V_FLAG_PARTIAL_CHAIN);
  for (const X509Pointer& each : file->certificates) {
    if (X509_STORE_add_cert(trusted, each.get()) != 1) {
      return tls_failure(fmt::format("TLS: ca: {}: {}", ca, take_tls_error()));
    }
  }
  return {};
}

Result<> TlsClientContext::use_certificate(const TlsClientSettings& settings, std::int64_t now,
                                           CertificateCheck& check) {
  if (settings.certificate.empty() && settings.key.empty()) return {};
  if (settings.certificate.empty()) return tls_failure("TLS: `key` needs `certificate`, the file of the chain");
  if (settings.key.empty()) return tls_failure("TLS: `certificate` needs `key`, the file of its private key");
  Result<TlsCertificate> loaded = load_client_certificate({settings.certificate, settings.key}, now, check);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  STACK_OF(X509)* const issuers = sk_X509_new_null();
  for (std::size_t i = 1; i < loaded->chain.size(); ++i) sk_X509_push(issuers, loaded->chain[i].get());
  const int used = SSL_CTX_use_cert_and_key(context_.get(), loaded->chain[0].get(), loaded->key.get(), issuers, 0);
  sk_X509_free(issuers);
  if (used == 1) return {};
  return tls_failure(fmt::format("TLS: certificate {} cannot be used: {}", settings.certificate, take_tls_error()));
}

SslPointer TlsClientContext::session(const std::string& server_name, std::string_view place) const {
  SslPointer made(SSL_new(context_.get()));
  if (!made || !expect(made.get(), server_name)) return {};
  const std::string kept = kept_for(place);
  if (!kept.empty() && !resume(made.get(), kept)) return {};
  return made;
}

void TlsClientContext::keep(std::string_view place, std::string session) const {
  if (session.size() > kLongestSession) return;
  const std::scoped_lock lock(lock_);
  std::erase_if(sessions_, [place](const Kept& kept) { return kept.place == place; });
  if (sessions_.size() == kMostSessions) sessions_.erase(sessions_.begin());
  sessions_.push_back({std::string(place), std::move(session)});
}

std::string TlsClientContext::kept_for(std::string_view place) const {
  const std::scoped_lock lock(lock_);
  const auto found = std::ranges::find(sessions_, place, &Kept::place);
  return found == sessions_.end() ? std::string() : found->session;
}

}  // namespace edge
