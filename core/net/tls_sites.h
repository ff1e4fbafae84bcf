// TlsSites: the sites of one listening address, one of which is chosen by the name that a client asks for (SNI).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net/tls_context.h"
#include "core/net/tls_pointers.h"
#include "core/net/tls_tickets.h"
#include "core/result.h"

namespace edge {

struct TlsSite {
  std::vector<std::string> names;  // lower case: exact, or "*.example.com" for all that ends so
  std::shared_ptr<const TlsContext> context;
};

/// Constant; one may serve all loops. A stream keeps its TlsSites, so what a reload replaces stays until the last
/// connection over it has ended.
class TlsSites {
 public:
  /// `fallback` is for names that no site has, and for clients that name none; null: they are refused with the alert
  /// unrecognized_name. Of two sites with one name the first has it. `tickets` outlives all streams.
  static Result<std::shared_ptr<const TlsSites>> make(std::vector<TlsSite> sites,
                                                      std::shared_ptr<const TlsContext> fallback, bool http2,
                                                      TlsTickets& tickets);
  TlsSites(const TlsSites&) = delete;
  TlsSites& operator=(const TlsSites&) = delete;

  /// Exact beats the longest wildcard beats the fallback, as in Router::site_for().
  const TlsContext* site_for(std::string_view name) const;
  bool http2() const { return http2_; }
  TlsTickets& tickets() const { return tickets_; }

  /// A server's side of a new session without a socket; null when there is no memory.
  SslPointer session() const;

 private:
  using Named = std::pair<std::string, const TlsContext*>;

  TlsSites(std::vector<TlsSite> sites, std::shared_ptr<const TlsContext> fallback, bool http2, TlsTickets& tickets);
  bool prepare();

  std::vector<TlsSite> sites_;
  std::shared_ptr<const TlsContext> fallback_;
  std::vector<Named> exact_;      // sorted by name
  std::vector<Named> wildcards_;  // ".example.com", the longest first
  bool http2_;
  TlsTickets& tickets_;
  SslContextPointer base_;  // of sessions whose site is not known yet; also what all sites have in common
};

}  // namespace edge
