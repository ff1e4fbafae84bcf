// Owned: a unique_ptr to any of OpenSSL's objects. For the .cpp files, because it needs OpenSSL's headers.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>

#include <memory>

namespace edge {

template <auto Release>
struct ReleasedBy {
  template <class Object>
  void operator()(Object* object) const {
    Release(object);
  }
};

/// `Owned<PKCS12, PKCS12_free>`.
template <class Object, auto Release>
using Owned = std::unique_ptr<Object, ReleasedBy<Release>>;

using OwnedBio = Owned<BIO, BIO_free_all>;

}  // namespace edge
