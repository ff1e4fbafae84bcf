// OCSP for tests: answers of any kind, and a responder that sends given bytes.
#pragma once

#include <netinet/in.h>
#include <openssl/ocsp.h>
#include <sys/socket.h>

#include <ctime>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "core/unique_fd.h"
#include "support/test_certificates.h"

namespace edge::test {

struct OcspOptions {
  int status = V_OCSP_CERTSTATUS_GOOD;
  long made = -60;  // seconds from now
  long until = 3'600;
  bool has_until = true;
  const EVP_MD* digest = EVP_sha1();
  const Issued* delegate = nullptr;  // who signs in place of the issuer
};

/// DER.
inline std::string ocsp_answer(const Issued& about, const Issued& issuer, const OcspOptions& options = {}) {
  std::time_t now = std::time(nullptr);
  const auto at = [&now](long seconds) { return X509_time_adj(nullptr, seconds, &now); };
  ASN1_TIME* made = at(options.made);
  ASN1_TIME* until = options.has_until ? at(options.until) : nullptr;
  ASN1_TIME* revoked = options.status == V_OCSP_CERTSTATUS_REVOKED ? at(-120) : nullptr;
  OCSP_CERTID* id = OCSP_cert_to_id(options.digest, about.certificate.get(), issuer.certificate.get());
  OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
  OCSP_basic_add1_status(basic, id, options.status, 0, revoked, made, until);
  const Issued& signer = options.delegate ? *options.delegate : issuer;
  OCSP_basic_sign(basic, signer.certificate.get(), signer.key.get(), EVP_sha256(), nullptr, 0);
  OCSP_RESPONSE* response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  unsigned char* bytes = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &bytes);
  std::string der(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  for (ASN1_TIME* each : {made, until, revoked}) ASN1_TIME_free(each);
  return der;
}

/// Takes one connection, reads a request, sends `bytes` and, unless told to hold, closes. Ends with the object.
class OcspResponder {
 public:
  enum class Then { close, hold };

  explicit OcspResponder(std::string bytes, Then then = Then::close) : OcspResponder(ready(std::move(bytes)), then) {}
  /// The same with bytes that are there when somebody asks: a certificate names its responder, and the answer the
  /// certificate.
  explicit OcspResponder(std::future<std::string> bytes, Then then = Then::close)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof name;
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&name), size) != 0 || ::listen(listener_.get(), 1) != 0 ||
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0)
      throw std::runtime_error("no socket for the responder");
    address_ = "http://127.0.0.1:" + std::to_string(ntohs(name.sin_port)) + "/ocsp?site=1";
    thread_ = std::thread([this, text = std::move(bytes), then]() mutable { answer(text, then); });
  }
  OcspResponder(const OcspResponder&) = delete;
  OcspResponder& operator=(const OcspResponder&) = delete;
  ~OcspResponder() { join(); }

  const std::string& address() const { return address_; }
  /// What was asked, head and body; ends the responder.
  std::string asked() {
    join();
    return asked_;
  }

  static std::string http(const std::string& body, const std::string& head = "HTTP/1.1 200 OK\r\n") {
    return head + "Content-Type: application/ocsp-response\r\n\r\n" + body;
  }

 private:
  void join() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
  }

  static std::future<std::string> ready(std::string bytes) {
    std::promise<std::string> known;
    known.set_value(std::move(bytes));
    return known.get_future();
  }

  void answer(std::future<std::string>& known, Then then) {
    const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char got[4096];
    while (client && !is_whole(asked_)) {
      const ssize_t size = ::recv(client.get(), got, sizeof got, 0);
      if (size <= 0) return;
      asked_.append(got, static_cast<std::size_t>(size));
    }
    const std::string bytes = client ? known.get() : std::string();
    for (std::size_t sent = 0; client && sent < bytes.size();) {
      const ssize_t size = ::send(client.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size <= 0) return;
      sent += static_cast<std::size_t>(size);
    }
    if (client && then == Then::hold) ::recv(client.get(), got, sizeof got, 0);  // until the other side gives up
  }

  static bool is_whole(const std::string& request) {
    const std::size_t head = request.find("\r\n\r\n");
    const std::size_t length = request.find("Content-Length: ");
    return head != std::string::npos && request.size() - head - 4 == std::stoul(request.substr(length + 16));
  }

  UniqueFd listener_;
  std::string address_;
  std::string asked_;
  std::thread thread_;
};

}  // namespace edge::test
