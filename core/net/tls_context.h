// TlsContext: the certificates and rules of one site.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/tls_certificate.h"
#include "core/net/tls_names.h"
#include "core/net/tls_pointers.h"
#include "core/net/tls_settings.h"
#include "core/result.h"

namespace edge {

/// Constant, but for the stapled OCSP answers, and used by all loops at once.
class TlsContext {
 public:
  /// Reads `client_ca`, so on the main thread or the thread pool. Of `settings` it uses versions, ciphers, tickets and
  /// clients; the files of the certificates are their reader's matter. The error names the setting.
  static Result<std::shared_ptr<const TlsContext>> make(const TlsSettings& settings,
                                                        std::vector<TlsCertificate> certificates);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// Whether one of the certificates is for `host`: lower case, without port or brackets.
  bool covers(std::string_view host) const { return names_.cover(host); }
  bool verifies_clients() const { return client_verify_ != ClientVerify::none; }
  /// Whether clients that the other has let in would be let in here by the same rules and authorities.
  bool verifies_clients_as(const TlsContext& other) const { return client_rules_ == other.client_rules_; }

  /// Any thread: what is stapled from now on to the certificate of that place in the list that make() was given; DER,
  /// empty for nothing.
  void staple(std::size_t certificate, std::string ocsp_response) const;

  /// Within the client-hello callback: makes the session one of this site.
  void adopt(ssl_st* session) const;

 private:
  struct Certificate {
    X509Pointer leaf;
    std::shared_ptr<const std::string> ocsp_response;  // under ocsp_lock_
  };
  TlsContext() = default;
  Result<> use(const TlsSettings& settings, std::vector<TlsCertificate>& certificates);
  Result<> use_certificate(TlsCertificate& certificate);
  Result<> use_client_ca(const TlsSettings& settings);
  bool name_sessions();
  bool digest(bool with_certificates, std::array<unsigned char, 32>& to) const;
  std::shared_ptr<const std::string> ocsp_response_for(const x509_st* leaf) const;
  static int staple_response(ssl_st* session, void* context);

  SslContextPointer context_;
  TlsNames names_;
  mutable std::mutex ocsp_lock_;  // held for a moment in a full handshake whose client asks for an OCSP answer
  mutable std::vector<Certificate> certificates_;
  ClientVerify client_verify_ = ClientVerify::none;
  int lowest_version_ = 0;
  int highest_version_ = 0;
  bool session_tickets_ = true;
  bool prefers_chacha_with_client_ = false;  // else a list that somebody wrote counts as it stands
  std::array<unsigned char, 32> session_name_{};
  std::array<unsigned char, 32> client_rules_{};
};

}  // namespace edge
