// Between OpenSSL's calls and the end's.
#include "core/net/tls_socket_method.h"

#include <openssl/bio.h>

#include "core/net/tls_end.h"

namespace edge {

namespace {

TlsEnd& end_of(BIO* bio) {
  return *static_cast<TlsEnd*>(BIO_get_data(bio));
}

/// Made once, never freed: sessions may end as late as the process does.
const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "edge socket");
    if (!made) return made;
    BIO_meth_set_read(made, TlsSocketMethod::read);
    BIO_meth_set_write(made, TlsSocketMethod::write);
    BIO_meth_set_ctrl(made, TlsSocketMethod::control);
    return made;
  }();
  return method;
}

}  // namespace

bio_st* TlsSocketMethod::make(TlsEnd& end) {
  BIO* const bio = socket_method() ? BIO_new(socket_method()) : nullptr;
  if (!bio) return nullptr;
  BIO_set_data(bio, &end);
  BIO_set_init(bio, 1);
  return bio;
}

int TlsSocketMethod::read(bio_st* bio, char* to, int size) {
  BIO_clear_retry_flags(bio);
  bool again = false;
  const int got = end_of(bio).receive(to, size, again);
  if (again) BIO_set_retry_read(bio);
  return got;
}

int TlsSocketMethod::write(bio_st* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  return end_of(bio).take({from, static_cast<std::size_t>(size)}) ? size : -1;
}

long TlsSocketMethod::control(bio_st* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return end_of(bio).truncated() ? 1 : 0;
  return 0;
}

}  // namespace edge
