// Client certificates: who is let in, and what is told of them.
#include "core/net/tls_client_certificate.h"

#include "support/temporary_directory.h"
#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

namespace {

struct Persons {
  Identity authority = identity({.common_name = "authority", .authority = true});
  Identity stranger = identity({.common_name = "stranger", .authority = true});
  Identity good = identity({.common_name = "Zoë, \"Z\"", .signer = &authority});
  Identity expired = identity({.common_name = "expired", .signer = &authority, .valid_for = -60});
  Identity foreign = identity({.common_name = "foreign", .signer = &stranger});
  TemporaryDirectory folder;
  std::string client_ca = folder.write("ca.pem", authority.pem()).string();

  std::shared_ptr<const TlsSites> sites(ClientVerify verify) const {
    return only(site_of("a.test", {.client_ca = client_ca, .client_verify = verify}));
  }
};

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

}  // namespace

TEST_CASE("tls client certificate: required") {
  const Persons persons;
  const auto sites = persons.sites(ClientVerify::required);
  for (const int version : kVersions) {
    const auto refusal = [&](const Identity* who) {
      TlsPair pair(sites, {.highest = version, .certificate = who});
      return pair.shake() == TlsStream::Step::done ? "" : pair.server->error();
    };
    CHECK(refusal(&persons.good) == "");
    CHECK(refusal(nullptr) == "client certificate missing");
    CHECK(refusal(&persons.expired) == "client certificate refused: certificate has expired");
    CHECK(refusal(&persons.foreign).starts_with("client certificate refused: unable to get local issuer"));
  }
}

TEST_CASE("tls client certificate: optional lets all in and tells which") {
  const Persons persons;
  const auto sites = persons.sites(ClientVerify::optional);
  for (const int version : kVersions) {
    const auto verdict = [&](const Identity* who) {
      TlsPair pair(sites, {.highest = version, .certificate = who});
      REQUIRE(pair.connects());
      CHECK(pair.server->site()->verifies_clients());
      return pair.server->client_certificate().verify();
    };
    CHECK(verdict(&persons.good) == "SUCCESS");
    CHECK(verdict(nullptr) == "NONE");
    CHECK(verdict(&persons.expired) == "FAILED:certificate has expired");
    CHECK(verdict(&persons.foreign) == "FAILED:unable to verify the first certificate");
  }
}

TEST_CASE("tls client certificate: a verdict outlives the session that it was made in") {
  const Persons persons;
  const auto sites = persons.sites(ClientVerify::optional);
  for (const int version : kVersions) {
    TlsPair first(sites, {.highest = version, .certificate = &persons.foreign});
    REQUIRE(first.connects());
    first.hear();
    TlsPair second(sites, {.highest = version, .session = first.session.get()});
    REQUIRE(second.connects());
    REQUIRE(second.server->resumed());
    CHECK(second.server->client_certificate().verify() == "FAILED:unable to verify the first certificate");
    CHECK(second.server->client_certificate().subject() == "CN=foreign");
  }
}

TEST_CASE("tls client certificate: nobody is asked where none is wanted") {
  const Persons persons;
  TlsPair pair(only(site_of("a.test")), {.certificate = &persons.good});
  REQUIRE(pair.connects());
  const TlsClientCertificate none = pair.server->client_certificate();
  CHECK(!none);
  CHECK(none.verify() == "NONE");
  CHECK(none.subject() + none.issuer() + none.serial() + none.fingerprint() + none.pem() == "");
}

TEST_CASE("tls client certificate: what is told of it") {
  const Persons persons;
  TlsPair pair(persons.sites(ClientVerify::required), {.certificate = &persons.good});
  REQUIRE(pair.connects());
  const TlsClientCertificate shown = pair.server->client_certificate();
  REQUIRE(shown);
  CHECK(shown.subject() == "CN=Zo\\C3\\AB\\, \\\"Z\\\"");
  CHECK(shown.issuer() == "CN=authority");
  CHECK(shown.serial().starts_with("10"));
  CHECK(shown.fingerprint().size() == 40);
  CHECK(shown.fingerprint().find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(shown.pem() == persons.good.pem());
}

TEST_CASE("tls client certificate: a name cannot break out of a header") {
  const Persons persons;
  const Identity sly = identity({.common_name = "a\r\nb", .signer = &persons.authority});
  TlsPair pair(persons.sites(ClientVerify::required), {.certificate = &sly});
  REQUIRE(pair.connects());
  CHECK(pair.server->client_certificate().subject() == "CN=a\\0D\\0Ab");
}
