// Owning pointers to OpenSSL's objects, declared without its headers.
#pragma once

#include <memory>

extern "C" {
struct ssl_st;
struct ssl_ctx_st;
struct x509_st;
struct evp_pkey_st;
}

namespace edge {

struct TlsRelease {
  void operator()(ssl_st* session) const;
  void operator()(ssl_ctx_st* context) const;
  void operator()(x509_st* certificate) const;
  void operator()(evp_pkey_st* key) const;
};

using SslPointer = std::unique_ptr<ssl_st, TlsRelease>;
using SslContextPointer = std::unique_ptr<ssl_ctx_st, TlsRelease>;
using X509Pointer = std::unique_ptr<x509_st, TlsRelease>;
using KeyPointer = std::unique_ptr<evp_pkey_st, TlsRelease>;

/// A second owner of the same certificate; null stays null.
X509Pointer share(x509_st* certificate);

}  // namespace edge
