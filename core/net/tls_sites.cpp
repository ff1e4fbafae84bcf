// What holds before a site is chosen: the choice itself, tickets, buffers.
#include "core/net/tls_sites.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <functional>

#include "core/net/tls_common_rules.h"
#include "core/net/tls_error.h"
#include "core/net/tls_hello.h"

namespace edge {

namespace {

std::string_view name_of(const std::pair<std::string, const TlsContext*>& named) {
  return named.first;
}
std::size_t size_of(const std::pair<std::string, const TlsContext*>& named) {
  return named.first.size();
}

int on_client_hello(SSL* session, int* alert, void*) {
  TlsHello& hello = TlsHello::of(session);
  hello.read(session);
  hello.site = hello.sites->site_for(hello.server_name);
  if (!hello.site) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
  }
  hello.site->adopt(session);
  return SSL_CLIENT_HELLO_SUCCESS;
}

int on_ticket_key(SSL* session, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                  int making) {
  TlsTickets& tickets = TlsHello::of(session).sites->tickets();
  if (making == 1) return tickets.seal(name, iv, cipher, mac) ? 1 : 0;
  switch (tickets.open(name, iv, cipher, mac)) {
    case TlsTickets::Opened::unknown:
      return 0;
    case TlsTickets::Opened::newest:
      // In TLS 1.3 a ticket is used once, lest an onlooker tell a client by it (RFC 8446, C.4): there is a next one.
      return SSL_version(session) == TLS1_3_VERSION ? 2 : 1;
    case TlsTickets::Opened::older:
      return 2;
    case TlsTickets::Opened::failed:
      return -1;
  }
  return -1;
}

/// A ticket outlives the client's certificate in it, and each resumption makes a new one: so an expired certificate
/// means a full handshake, which looks at it.
SSL_TICKET_RETURN on_ticket_opened(SSL*, SSL_SESSION* session, const unsigned char*, size_t, SSL_TICKET_STATUS status,
                                   void*) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
  const X509* const client = SSL_SESSION_get0_peer(session);
  if (client && X509_cmp_current_time(X509_get0_notAfter(client)) <= 0) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace

Result<std::shared_ptr<const TlsSites>> TlsSites::make(std::vector<TlsSite> sites,
                                                       std::shared_ptr<const TlsContext> fallback, bool http2,
                                                       TlsTickets& tickets) {
  std::shared_ptr<TlsSites> made(new TlsSites(std::move(sites), std::move(fallback), http2, tickets));
  if (!made->prepare()) return fail(ErrorKind::internal, Side::ours, "TLS: " + take_tls_error());
  return made;
}

TlsSites::TlsSites(std::vector<TlsSite> sites, std::shared_ptr<const TlsContext> fallback, bool http2,
                   TlsTickets& tickets)
    : sites_(std::move(sites)), fallback_(std::move(fallback)), http2_(http2), tickets_(tickets) {
  for (const TlsSite& site : sites_) {
    for (const std::string& name : site.names) {
      if (name.starts_with("*.")) {
        const auto at = std::ranges::upper_bound(wildcards_, name.size() - 1, std::ranges::greater(), size_of);
        wildcards_.emplace(at, name.substr(1), site.context.get());
      } else {
        exact_.emplace(std::ranges::upper_bound(exact_, std::string_view(name), {}, name_of), name, site.context.get());
      }
    }
  }
}

bool TlsSites::prepare() {
  base_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const base = base_.get();
  if (!base || !set_common_rules(base)) return false;
  SSL_CTX_set_session_cache_mode(base, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(base, TlsTickets::kGood);
  SSL_CTX_set_client_hello_cb(base, on_client_hello, nullptr);
  return SSL_CTX_set_max_early_data(base, 0) == 1 && SSL_CTX_set_tlsext_ticket_key_evp_cb(base, on_ticket_key) == 1 &&
         SSL_CTX_set_session_ticket_cb(base, nullptr, on_ticket_opened, nullptr) == 1;
}

const TlsContext* TlsSites::site_for(std::string_view name) const {
  const auto exact = std::ranges::lower_bound(exact_, name, {}, name_of);
  if (exact != exact_.end() && exact->first == name) return exact->second;
  for (const auto& [suffix, site] : wildcards_) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) return site;
  }
  return fallback_.get();
}

SslPointer TlsSites::session() const {
  return SslPointer(SSL_new(base_.get()));
}

}  // namespace edge
