// The client's end of a connection over TLS, on a socket that does not wait.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include "support/tls_client.h"

namespace edge::test {

/// For the name a.test. The descriptor stays its owner's.
class TlsFarEnd {
 public:
  static constexpr std::ptrdiff_t kNothingNow = -1;  // hear()
  static constexpr std::ptrdiff_t kBroken = -2;      // hear()

  TlsFarEnd(int fd, bool http2)
      : context_(SSL_CTX_new(TLS_client_method())), session_(SSL_new(context_.get())), fd_(fd) {
    SSL_set_tlsext_host_name(session_.get(), "a.test");
    const std::string_view alpn = http2 ? "\x02h2" : "\x08http/1.1";
    SSL_set_alpn_protos(session_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                        static_cast<unsigned>(alpn.size()));
    SSL_set_bio(session_.get(), arrived_, to_send_);  // which then owns them
    SSL_set_connect_state(session_.get());
  }

  /// A step of the handshake; whether it was the last.
  bool shakes() {
    receive();
    const int result = SSL_do_handshake(session_.get());
    ERR_clear_error();
    send_on();
    return result == 1;
  }
  /// How many bytes were taken: all, or none while some are left that the socket has no room for.
  std::size_t say(std::string_view bytes) {
    std::size_t taken = 0;
    if (send_on()) SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &taken);
    ERR_clear_error();
    send_on();
    return taken;
  }
  /// Bytes, 0 at the orderly end, or one of the above.
  std::ptrdiff_t hear(char* to, std::size_t size) {
    send_on();
    receive();
    std::size_t got = 0;
    ERR_clear_error();
    if (SSL_read_ex(session_.get(), to, size, &got) == 1) return static_cast<std::ptrdiff_t>(got);
    const int error = SSL_get_error(session_.get(), 0);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    return error == SSL_ERROR_WANT_READ ? kNothingNow : kBroken;
  }

 private:
  void receive() {
    char bytes[64 * 1024];
    const ssize_t got = BIO_pending(arrived_) > 0 ? 0 : ::recv(fd_, bytes, sizeof bytes, 0);
    if (got > 0) BIO_write(arrived_, bytes, static_cast<int>(got));
    if (BIO_pending(arrived_) == 0 && (got == 0 || errno == ECONNRESET)) BIO_set_mem_eof_return(arrived_, 0);
  }
  /// False: the socket is full.
  bool send_on() {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(to_send_, &bytes);
    const ssize_t sent = size > 0 ? ::send(fd_, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL) : 0;
    std::string passed(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)), '\0');
    BIO_read(to_send_, passed.data(), static_cast<int>(passed.size()));
    return BIO_pending(to_send_) == 0;
  }

  SslContextPointer context_;
  SslPointer session_;
  BIO* arrived_ = BIO_new(BIO_s_mem());
  BIO* to_send_ = BIO_new(BIO_s_mem());
  int fd_;
};

}  // namespace edge::test
