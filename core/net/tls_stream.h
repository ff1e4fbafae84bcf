// TlsStream: the server's end of TLS.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/net/tls_client_certificate.h"
#include "core/net/tls_end.h"
#include "core/net/tls_hello.h"
#include "core/net/tls_sites.h"

namespace edge {

class TlsStream final : public TlsEnd {
 public:
  /// `output` belongs to the loop and outlives the stream.
  TlsStream(std::shared_ptr<const TlsSites> sites, TlsOutput& output, int fd);
  ~TlsStream() override;

  std::string_view server_name() const { return hello_.server_name; }  // lower case; empty when none was sent
  const TlsContext* site() const { return hello_.site; }               // null before a site was chosen
  /// After the handshake.
  TlsClientCertificate client_certificate() const;

 private:
  std::string refusal() override;
  std::string_view peer() const override { return "client"; }

  TlsHello hello_;
};

}  // namespace edge
