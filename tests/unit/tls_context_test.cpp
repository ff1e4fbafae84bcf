// TlsContext: what it refuses to be made of, and which hosts it is for.
#include "core/net/tls_context.h"

#include "support/temporary_directory.h"
#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

namespace {

std::vector<TlsCertificate> list_of(TlsCertificate first) {
  std::vector<TlsCertificate> list;
  list.push_back(std::move(first));
  return list;
}

std::string refusal(const TlsSettings& settings, std::vector<TlsCertificate> certificates) {
  const auto made = TlsContext::make(settings, std::move(certificates));
  return made ? "" : made.error().context;
}

std::string refusal(const TlsSettings& settings) {
  return refusal(settings, list_of(identity({.common_name = "a.test"}).material()));
}

}  // namespace

TEST_CASE("tls context: what cannot work is refused with its reason") {
  CHECK(refusal({}) == "");
  CHECK(refusal({}, {}) == "TLS: a site needs a certificate");
  CHECK(refusal({.tls12 = false, .tls13 = false}) == "TLS: no version is allowed; allow 1.2 or 1.3");
  CHECK(refusal({.client_verify = ClientVerify::optional}).contains("client_verify needs client_ca"));
}

TEST_CASE("tls context: a key that is not the certificate's, or too small, or a second of its kind") {
  TlsCertificate mixed = identity({.common_name = "a.test"}).material();
  mixed.key = ecdsa_key();
  CHECK(refusal({}, list_of(std::move(mixed))) == "TLS: certificate 1 cannot be used: private key mismatch");
  CHECK(refusal({}, list_of(identity({.common_name = "a.test", .key = rsa_key(1024)}).material()))
            .contains("ee key too small"));
  auto twice = list_of(identity({.common_name = "a.test"}).material());
  twice.push_back(identity({.common_name = "b.test"}).material());
  CHECK(refusal({}, std::move(twice)).contains("certificate 2 cannot be used: not replacing certificate"));
}

TEST_CASE("tls context: ciphers are presets or words that OpenSSL knows") {
  CHECK(refusal({.ciphers = "intermediate"}) == "");
  CHECK(refusal({.ciphers = "ECDHE+AESGCM:!RC4-OF-OLD:@STRENGTH"}) == "");
  CHECK(refusal({.ciphers = "ECDHE+AESGCM:ECHDE+AES"}).contains("ciphers: 'ECHDE+AES': OpenSSL knows no such cipher"));
  CHECK(refusal({.ciphers = ""}).contains("ciphers: ''"));
}

TEST_CASE("tls context: the file of client authorities is read at once") {
  const TemporaryDirectory folder;
  const std::string missing = (folder / "none.pem").string();
  const std::string broken = folder.write("broken.pem", "no PEM\n").string();
  for (const std::string& path : {missing, broken}) {
    const std::string why = refusal({.client_ca = path, .client_verify = ClientVerify::required});
    CHECK(why.starts_with("TLS: client_ca " + path + ": "));
    CHECK(!why.contains("unknown error"));
  }
}

TEST_CASE("tls context: it covers the hosts of its certificates") {
  auto list = list_of(
      identity({.common_name = "by-its-common-name.test", .names = "DNS:A.test,DNS:*.b.test,IP:127.0.0.1,IP:::1"})
          .material());
  list.push_back(identity({.common_name = "c", .names = "DNS:c.test", .key = rsa_key()}).material());
  const auto made = TlsContext::make({}, std::move(list));
  REQUIRE(made);
  for (const char* host : {"a.test", "x.b.test", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "c.test"}) {
    CAPTURE(host);
    CHECK((*made)->covers(host));
  }
  for (const char* host : {"b.test", "x.y.b.test", ".b.test", "x.a.test", "127.0.0.2", "by-its-common-name.test", ""}) {
    CAPTURE(host);
    CHECK(!(*made)->covers(host));
  }
}
