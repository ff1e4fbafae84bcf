// TlsNames: the hosts that certificates are for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

struct x509_st;

namespace edge {

/// DNS names and IP addresses of subjectAltName; the common name counts for nothing (RFC 9525, 2).
class TlsNames {
 public:
  void add(const x509_st& leaf);
  /// `host` is lower case, without port or brackets. "*.example.com" is good for exactly one label more.
  bool cover(std::string_view host) const;
  bool empty() const { return exact_.empty() && wildcards_.empty(); }

 private:
  void add_dns(std::string_view name);

  std::vector<std::string> exact_;      // lower case; addresses in their shortest form
  std::vector<std::string> wildcards_;  // ".example.com"
};

}  // namespace edge
