// TlsCertificate: a certificate chain with its key, read and checked, ready for a TlsContext.
#pragma once

#include <string>
#include <vector>

#include "core/net/tls_pointers.h"

namespace edge {

struct TlsCertificate {
  std::vector<X509Pointer> chain;  // the leaf first, then what leads to a root; never empty
  KeyPointer key;                  // of the leaf
  std::string ocsp_response;       // DER, what is stapled at first; may be empty
};

}  // namespace edge
