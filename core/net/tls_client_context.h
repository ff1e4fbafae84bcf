// TlsClientContext: by which rules edge speaks TLS to the servers of one upstream, and the sessions that they gave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/tls_certificate_check.h"
#include "core/net/tls_pointers.h"
#include "core/result.h"

namespace edge {

struct TlsClientSettings {
  bool verify = true;         // the server's certificate and its name; without it anybody can be the server
  std::string ca{};           // absolute path of a PEM file of authorities; empty: the system's
  std::string certificate{};  // absolute path of the chain that edge shows; empty: none
  std::string key{};          // absolute path; needed with `certificate`
  bool operator==(const TlsClientSettings&) const = default;
};

/// Constant but for the sessions; used by all loops at once. One an upstream and configuration, so that a reload
/// verifies every server anew.
class TlsClientContext {
 public:
  /// Reads the files, so on the main thread or the thread pool. `now`: seconds since the epoch. Each error names the
  /// setting or the file and what to do; what only time or another machine can cure is added to `check`.
  static Result<std::shared_ptr<const TlsClientContext>> make(const TlsClientSettings& settings, std::int64_t now,
                                                              CertificateCheck& check);
  TlsClientContext(const TlsClientContext&) = delete;
  TlsClientContext& operator=(const TlsClientContext&) = delete;

  bool verifies() const { return verifies_; }
  /// Those that it was made of, the system's authorities among them.
  const std::vector<std::string>& files() const { return files_; }
  /// Whether they are what was read. Blocking for microseconds.
  bool is_current() const;

  /// A client's side of a new session without a socket, for a server called `server_name` (a host's name, or an IP
  /// address without brackets). It resumes what was kept for `place`. Null: no memory, or no such name can be.
  SslPointer session(const std::string& server_name, std::string_view place) const;

  /// Any thread: `session`, in DER, is for the next connection to `place`, which says name and address. At most
  /// kMostSessions are kept; too long ones are not.
  void keep(std::string_view place, std::string session) const;
  static constexpr std::size_t kMostSessions = 64;
  static constexpr std::size_t kLongestSession = 16 * 1024;  // bytes

 private:
  struct Kept {
    std::string place;
    std::string session;
  };
  TlsClientContext() = default;
  Result<> use(const TlsClientSettings& settings, std::int64_t now, CertificateCheck& check);
  Result<> use_authorities(const std::string& ca);
  Result<> use_certificate(const TlsClientSettings& settings, std::int64_t now, CertificateCheck& check);
  std::string kept_for(std::string_view place) const;

  SslContextPointer context_;
  std::vector<std::string> files_;
  std::string state_;  // of the files when they were read
  bool verifies_ = true;
  mutable std::mutex lock_;  // held for a moment in each handshake
  mutable std::vector<Kept> sessions_;
};

}  // namespace edge
