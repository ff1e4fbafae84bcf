// TlsHello: what a client said at first, and the site that was chosen by it.
#pragma once

#include <memory>
#include <string>

struct ssl_st;

namespace edge {

class TlsContext;
class TlsSites;

/// One a session, where OpenSSL's callbacks find it. Filled while the first message of the client is looked at.
struct TlsHello {
  std::shared_ptr<const TlsSites> sites;
  const TlsContext* site = nullptr;  // of `sites`; null until one is chosen
  std::string server_name;           // lower case; empty when none was sent, or none that could be a host's
  unsigned offered = 0;              // the highest version, as on the wire; 0 before

  /// Of a session that a TlsStream made.
  static TlsHello& of(const ssl_st* session);
  void attach(ssl_st* session);
  /// Within OpenSSL's client-hello callback: reads the name and the versions.
  void read(ssl_st* session);
};

}  // namespace edge
