// Making an SSL_CTX for a site, and a session out of it.
#include "core/net/tls_context.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/net/tls_ciphers.h"
#include "core/net/tls_common_rules.h"
#include "core/net/tls_error.h"
#include "core/net/tls_pem.h"
#include "core/net/tls_protocols.h"

namespace edge {

namespace {

constexpr std::uint64_t kSiteOptions = SSL_OP_NO_TICKET | SSL_OP_PRIORITIZE_CHACHA;

std::unexpected<Error> wrong(std::string what) {
  return fail(ErrorKind::internal, Side::ours, std::move(what));
}

/// `why` may begin with the file's name, as errors of files do.
std::unexpected<Error> wrong_client_ca(const std::string& file, std::string_view why) {
  if (why.starts_with(file)) why.remove_prefix(file.size());
  why.remove_prefix(std::min(why.find_first_not_of(": "), why.size()));
  return wrong(fmt::format("TLS: client_ca {}: {}", file, why));
}

/// With an optional certificate the session goes on, and the handlers are told.
int accept_any(int, X509_STORE_CTX*) {
  return 1;
}

struct DigestRelease {
  void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
};

bool add_certificate(EVP_MD_CTX* digest, const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> print{};
  unsigned size = 0;
  return X509_digest(certificate, EVP_sha256(), print.data(), &size) == 1 &&
         EVP_DigestUpdate(digest, print.data(), size) == 1;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsSettings& settings,
                                                           std::vector<TlsCertificate> certificates) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->context_.reset(SSL_CTX_new(TLS_server_method()));
  if (!made->context_) return wrong("TLS: " + take_tls_error());
  if (Result<> used = made->use(settings, certificates); !used) return std::unexpected(std::move(used.error()));
  return made;
}

Result<> TlsContext::use(const TlsSettings& settings, std::vector<TlsCertificate>& certificates) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_security_level(context, kTlsSecurityLevel);
  if (!settings.tls12 && !settings.tls13) return wrong("TLS: no version is allowed; allow 1.2 or 1.3");
  lowest_version_ = settings.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  highest_version_ = settings.tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  session_tickets_ = settings.session_tickets;
  client_verify_ = settings.client_verify;
  prefers_chacha_with_client_ = is_cipher_preset(settings.ciphers);
  if (Result<> ciphers = set_ciphers(context, settings.ciphers); !ciphers) return ciphers;
  if (certificates.empty()) return wrong("TLS: a site needs a certificate");
  for (TlsCertificate& certificate : certificates) {
    if (Result<> used = use_certificate(certificate); !used) return used;
  }
  if (verifies_clients()) {
    if (Result<> used = use_client_ca(settings); !used) return used;
  }
  if (!name_sessions()) return wrong("TLS: " + take_tls_error());
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_tlsext_status_cb(context, staple_response);
  SSL_CTX_set_tlsext_status_arg(context, this);
  return {};
}

Result<> TlsContext::use_certificate(TlsCertificate& certificate) {
  if (certificate.chain.empty() || !certificate.key) return wrong("TLS: a certificate or its key is missing");
  STACK_OF(X509)* const issuers = sk_X509_new_null();
  for (std::size_t i = 1; i < certificate.chain.size(); ++i) sk_X509_push(issuers, certificate.chain[i].get());
  const int used =
      SSL_CTX_use_cert_and_key(context_.get(), certificate.chain[0].get(), certificate.key.get(), issuers, 0);
  sk_X509_free(issuers);
  if (used != 1) {
    return wrong(fmt::format("TLS: certificate {} cannot be used: {}", certificates_.size() + 1, take_tls_error()));
  }
  names_.add(*certificate.chain[0]);
  certificates_.push_back(
      {std::move(certificate.chain[0]), std::make_shared<const std::string>(std::move(certificate.ocsp_response))});
  return {};
}

Result<> TlsContext::use_client_ca(const TlsSettings& settings) {
  if (settings.client_ca.empty()) return wrong("TLS: client_verify needs client_ca, the file of who signs for clients");
  const Result<PemFile> file = read_pem_file(settings.client_ca);
  if (!file) return wrong_client_ca(settings.client_ca, file.error().context);
  if (file->certificates.empty()) {
    return wrong_client_ca(settings.client_ca, "holds no certificate; name the file of the authorities' certificates");
  }
  const char* const path = settings.client_ca.c_str();
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(path);
  if (!names || SSL_CTX_load_verify_file(context_.get(), path) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return wrong_client_ca(settings.client_ca, take_tls_error());
  }
  SSL_CTX_set_client_CA_list(context_.get(), names);
  return {};
}

/// A ticket is good only where certificates, client authorities and rules for clients are those of the site that made
/// it: else a session of a site that asks nobody would open one that asks (RFC 8446, 4.6.1; CVE-2025-23419).
bool TlsContext::name_sessions() {
  return digest(true, session_name_) && digest(false, client_rules_);
}

/// Of the rules for clients and their authorities, and of the site's own certificates if asked for.
bool TlsContext::digest(bool with_certificates, std::array<unsigned char, 32>& to) const {
  const std::unique_ptr<EVP_MD_CTX, DigestRelease> digest(EVP_MD_CTX_new());
  if (!digest || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) return false;
  if (EVP_DigestUpdate(digest.get(), &client_verify_, sizeof client_verify_) != 1) return false;
  const auto same = [&](const Certificate& certificate) {
    return add_certificate(digest.get(), certificate.leaf.get());
  };
  if (with_certificates && !std::ranges::all_of(certificates_, same)) return false;
  const STACK_OF(X509_OBJECT)* const trusted = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context_.get()));
  for (int i = 0; i < sk_X509_OBJECT_num(trusted); ++i) {
    const X509* const authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(trusted, i));
    if (authority && !add_certificate(digest.get(), authority)) return false;
  }
  return EVP_DigestFinal_ex(digest.get(), to.data(), nullptr) == 1;
}

void TlsContext::adopt(ssl_st* session) const {
  SSL_set_SSL_CTX(session, context_.get());  // takes over certificates, ciphers, authorities, and nothing else
  SSL_set_session_id_context(session, session_name_.data(), static_cast<unsigned>(session_name_.size()));
  SSL_set_min_proto_version(session, lowest_version_);
  SSL_set_max_proto_version(session, highest_version_);
  SSL_clear_options(session, kSiteOptions);
  if (!session_tickets_) SSL_set_options(session, SSL_OP_NO_TICKET);
  SSL_set_options(session, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (prefers_chacha_with_client_) SSL_set_options(session, SSL_OP_PRIORITIZE_CHACHA);
  // One is enough: ours may be used again and again, while two (OpenSSL's default) are for clients that want a fresh
  // one for each of several connections, and cost every full handshake a second encryption and some 250 bytes.
  SSL_set_num_tickets(session, session_tickets_ ? 1 : 0);
  switch (client_verify_) {
    case ClientVerify::none:
      return SSL_set_verify(session, SSL_VERIFY_NONE, nullptr);
    case ClientVerify::optional:
      return SSL_set_verify(session, SSL_VERIFY_PEER, accept_any);
    case ClientVerify::required:
      return SSL_set_verify(session, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
}

void TlsContext::staple(std::size_t certificate, std::string ocsp_response) const {
  auto next = std::make_shared<const std::string>(std::move(ocsp_response));
  const std::scoped_lock lock(ocsp_lock_);
  if (certificate < certificates_.size()) certificates_[certificate].ocsp_response.swap(next);
}

std::shared_ptr<const std::string> TlsContext::ocsp_response_for(const x509_st* leaf) const {
  const std::scoped_lock lock(ocsp_lock_);
  const auto found = std::ranges::find_if(certificates_, [&](const Certificate& c) { return c.leaf.get() == leaf; });
  return found == certificates_.end() ? nullptr : found->ocsp_response;
}

int TlsContext::staple_response(ssl_st* session, void* context) {
  const auto& self = *static_cast<const TlsContext*>(context);
  const std::shared_ptr<const std::string> response = self.ocsp_response_for(SSL_get_certificate(session));
  if (!response || response->empty()) return SSL_TLSEXT_ERR_NOACK;
  void* const copy = OPENSSL_memdup(response->data(), response->size());  // the session frees it
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(session, static_cast<unsigned char*>(copy), static_cast<long>(response->size()));
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace edge
