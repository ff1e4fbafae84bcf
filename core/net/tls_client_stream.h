// TlsClientStream: the client's end of TLS, towards an upstream server.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/net/tls_client_context.h"
#include "core/net/tls_end.h"

struct ssl_session_st;

namespace edge {

/// Its thread has one TlsOutput for all of these.
class TlsClientStream final : public TlsEnd {
 public:
  /// `server_name`: what the certificate must be for, a host's name or an IP address without brackets. `where`: the
  /// address; a session is resumed only where both are the same.
  TlsClientStream(std::shared_ptr<const TlsClientContext> context, std::string server_name, std::string_view where,
                  int fd);
  ~TlsClientStream() override;

  /// OpenSSL's callback: the server has given a session.
  static int keep_session(ssl_st* session, ssl_session_st* given);

 private:
  std::string refusal() override;
  std::string_view peer() const override { return "server"; }

  std::shared_ptr<const TlsClientContext> context_;
  std::string server_name_;
  std::string place_;
};

}  // namespace edge
