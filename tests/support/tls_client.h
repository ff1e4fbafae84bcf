// A TLS client on one end of a socket pair, and the stream under test on the other; both in one thread.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/net/tls_stream.h"
#include "core/unique_fd.h"
#include "support/tls_certificates.h"

namespace edge::test {

struct SessionRelease {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using SessionPointer = std::unique_ptr<SSL_SESSION, SessionRelease>;

struct ClientWishes {
  std::string server_name = "a.test";
  int lowest = TLS1_VERSION;
  int highest = TLS1_3_VERSION;
  std::string alpn = {};  // as on the wire: "\x02h2"
  std::string ciphers = {};
  const Identity* certificate = nullptr;
  bool asks_for_ocsp = false;
  SSL_SESSION* session = nullptr;
};

/// The sockets are non-blocking; the server's is the stream's.
struct TlsPair {
  explicit TlsPair(std::shared_ptr<const TlsSites> sites, const ClientWishes& wishes = {}) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    near = UniqueFd(ends[0]);
    far = UniqueFd(ends[1]);
    server = std::make_unique<TlsStream>(std::move(sites), output, near.get());
    context.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_app_data(context.get(), this);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), [](SSL* ssl, SSL_SESSION* session) {
      auto* const self = static_cast<TlsPair*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
      self->session.reset(session);
      ++self->tickets;
      return 1;
    });
    client.reset(SSL_new(context.get()));
    wish(wishes);
    SSL_set_fd(client.get(), far.get());
    SSL_set_connect_state(client.get());
  }

  TlsPair(const TlsPair&) = delete;
  TlsPair& operator=(const TlsPair&) = delete;
  /// A session whose connection just breaks off would be taken for one that must not be resumed.
  ~TlsPair() { SSL_set_shutdown(client.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }

  /// Both sides in turn until the server's knows how it ends, and the client's has heard.
  TlsStream::Step shake() {
    TlsStream::Step step = TlsStream::Step::wants_read;
    for (int turn = 0; turn < 100; ++turn) {
      client_result = SSL_do_handshake(client.get());
      if (unfinished(step)) step = server->handshake();
      if (!unfinished(step) &&
          (client_result == 1 || SSL_get_error(client.get(), client_result) != SSL_ERROR_WANT_READ))
        break;
    }
    client_error = ERR_GET_REASON(ERR_peek_error());
    ERR_clear_error();
    return step;
  }

  bool connects() { return shake() == TlsStream::Step::done && client_result == 1; }

  void say(std::string_view text) {
    REQUIRE(SSL_write(client.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()));
  }
  /// What the client can read now.
  std::string hear() {
    std::string heard;
    char bytes[16 * 1024];
    for (int got = 0; (got = SSL_read(client.get(), bytes, sizeof bytes)) > 0;) {
      heard.append(bytes, static_cast<std::size_t>(got));
    }
    heard_end = SSL_get_error(client.get(), 0) == SSL_ERROR_ZERO_RETURN;
    ERR_clear_error();
    return heard;
  }
  /// What the server can read now.
  std::string take() {
    std::string taken;
    char bytes[1000];
    for (std::ptrdiff_t got = 0; (got = server->read(bytes, sizeof bytes)) > 0;) {
      taken.append(bytes, static_cast<std::size_t>(got));
    }
    return taken;
  }
  std::string peer_name() const {
    char name[100] = "";
    const X509Pointer peer(SSL_get1_peer_certificate(client.get()));
    if (peer) X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName, name, sizeof name);
    return name;
  }

  TlsOutput output;
  UniqueFd near;
  UniqueFd far;
  std::unique_ptr<TlsStream> server;
  SslContextPointer context;
  SslPointer client;
  SessionPointer session;  // the newest that the server gave
  int tickets = 0;
  int client_result = 0;
  int client_error = 0;  // a reason of OpenSSL; what a server's alert says is 1000 and its number
  bool heard_end = false;

 private:
  static bool unfinished(TlsStream::Step step) {
    return step == TlsStream::Step::wants_read || step == TlsStream::Step::wants_write;
  }

  void wish(const ClientWishes& wishes) {
    SSL* const ssl = client.get();
    if (!wishes.server_name.empty()) SSL_set_tlsext_host_name(ssl, wishes.server_name.c_str());
    SSL_set_min_proto_version(ssl, wishes.lowest);
    SSL_set_max_proto_version(ssl, wishes.highest);
    if (!wishes.alpn.empty()) {
      SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wishes.alpn.data()),
                          static_cast<unsigned>(wishes.alpn.size()));
    }
    if (!wishes.ciphers.empty()) REQUIRE(SSL_set_cipher_list(ssl, wishes.ciphers.c_str()) == 1);
    if (wishes.certificate) {
      REQUIRE(SSL_use_certificate(ssl, wishes.certificate->certificate.get()) == 1);
      REQUIRE(SSL_use_PrivateKey(ssl, wishes.certificate->key.get()) == 1);
    }
    if (wishes.asks_for_ocsp) SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    if (wishes.session) SSL_set_session(ssl, wishes.session);
  }
};

/// A site with one certificate for `host`.
inline std::shared_ptr<const TlsContext> site_of(const std::string& host, const TlsSettings& settings = {}) {
  std::vector<TlsCertificate> certificates;
  certificates.push_back(identity({.common_name = host, .names = "DNS:" + host}).material());
  auto made = TlsContext::make(settings, std::move(certificates));
  if (!made) FAIL(made.error().context);
  return *made;
}

inline TlsTickets& test_tickets() {
  static TlsTickets tickets;
  return tickets;
}

inline std::shared_ptr<const TlsSites> sites_of(std::vector<TlsSite> sites,
                                                std::shared_ptr<const TlsContext> fallback = nullptr, bool http2 = true,
                                                TlsTickets& tickets = test_tickets()) {
  auto made = TlsSites::make(std::move(sites), std::move(fallback), http2, tickets);
  if (!made) FAIL(made.error().context);
  return *made;
}

/// One site that answers every name.
inline std::shared_ptr<const TlsSites> only(std::shared_ptr<const TlsContext> context) {
  return sites_of({}, std::move(context));
}

}  // namespace edge::test
