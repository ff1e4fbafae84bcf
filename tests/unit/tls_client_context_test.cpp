// TlsClientContext: what is wrong with its files, and how many sessions it keeps.
#include "core/net/tls_client_context.h"

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>

#include "core/net/tls_client_stream.h"
#include "support/temporary_directory.h"
#include "support/test_certificates.h"
#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

namespace {

struct Made {
  Result<std::shared_ptr<const TlsClientContext>> context;
  std::vector<std::string> warnings;
};

Made make(const TlsClientSettings& settings) {
  CertificateCheck check;
  auto context = TlsClientContext::make(settings, std::time(nullptr), check);
  return {std::move(context), check.warnings};
}

std::string refusal(const TlsClientSettings& settings) {
  const Made made = make(settings);
  return made.context ? std::string() : made.context.error().context;
}

}  // namespace

TEST_CASE("tls client context: authorities that cannot be used") {
  const TemporaryDirectory folder;
  const std::string none = (folder / "none.pem").string();
  CHECK(refusal({.ca = none}) == "TLS: ca: " + none + " cannot be read: No such file or directory");
  const std::string empty = folder.write("empty.pem", "").string();
  CHECK(refusal({.ca = empty}) == "TLS: ca: " + empty + " is empty");
  const Issued issued = issue();
  const std::string key = folder.write("key.pem", issued.key_pem).string();
  CHECK(refusal({.ca = key}) ==
        "TLS: ca: " + key + " holds no certificate; name the file of the authorities' certificates");
  CHECK(refusal({.verify = false, .ca = none}) == "");  // nobody is asked
  const std::string two = folder.write("two.pem", issued.pem + issue().pem).string();
  CHECK(refusal({.ca = two}) == "");
}

TEST_CASE("tls client context: the system's authorities") {
  const TemporaryDirectory folder;
  const std::string store = folder.write("store.pem", issue(authority("root")).pem).string();
  REQUIRE(::setenv("SSL_CERT_FILE", store.c_str(), 1) == 0);
  CHECK(refusal({}) == "");
  folder.write("store.pem", "no certificates");
  CHECK(refusal({}).starts_with("TLS: the system's authorities in " + store + ": "));
  REQUIRE(::unsetenv("SSL_CERT_FILE") == 0);
}

TEST_CASE("tls client context: it is current until one of its files changes") {
  const TemporaryDirectory folder;
  const Issued issued = issue();
  const std::string ca = folder.write("ca.pem", issued.pem).string();
  const std::string certificate = folder.write("edge.pem", issued.pem).string();
  const std::string key = folder.write("edge.key", issued.key_pem).string();
  for (const std::string& changed : {ca, certificate, key}) {
    const Made made = make({.ca = ca, .certificate = certificate, .key = key});
    REQUIRE(made.context);
    CHECK((*made.context)->files() == std::vector{ca, certificate, key});
    CHECK((*made.context)->is_current());
    const std::string before = changed == key ? issued.key_pem : issued.pem;
    folder.write(std::filesystem::path(changed).filename().string(), before + "\n");
    CHECK(!(*made.context)->is_current());
  }
}

TEST_CASE("tls client context: edge's own certificate") {
  const TemporaryDirectory folder;
  const Issued root = issue(authority("root"));
  const Issued edge = issue({.name = "edge", .alternative_names = ""}, &root);
  const std::string certificate = folder.write("edge.pem", edge.pem).string();
  const std::string key = folder.write("edge.key", edge.key_pem).string();
  std::filesystem::permissions(key, std::filesystem::perms::owner_all);
  const std::string ca = folder.write("ca.pem", root.pem).string();
  const Made good = make({.ca = ca, .certificate = certificate, .key = key});
  CHECK(good.context);
  CHECK(good.warnings.empty());  // it needs no names, and the server has the authority
  CHECK(refusal({.ca = ca, .certificate = certificate}) ==
        "TLS: `certificate` needs `key`, the file of its private key");
  CHECK(refusal({.ca = ca, .key = key}) == "TLS: `key` needs `certificate`, the file of the chain");
  CHECK(refusal({.ca = ca, .certificate = key, .key = certificate}) ==
        key + " is a private key and " + certificate + " a certificate: swap `certificate` and `key`");
  const std::string other = folder.write("other.key", issue().key_pem).string();
  CHECK(refusal({.ca = ca, .certificate = certificate, .key = other})
            .contains("the key does not belong to the certificate"));
  const Issued old = issue({.name = "old", .alternative_names = "", .ends = -60}, &root);
  const std::string expired = folder.write("old.pem", old.pem + old.key_pem).string();
  std::filesystem::permissions(expired, std::filesystem::perms::owner_all);
  const Made warned = make({.ca = ca, .certificate = expired, .key = expired});
  CHECK(warned.context);
  REQUIRE(warned.warnings.size() == 1);
  CHECK(warned.warnings[0].contains("servers refuse it; renew it"));
}

TEST_CASE("tls client context: a bounded number of sessions, the oldest goes, and none that is stale or huge") {
  const Made made = make({.verify = false});
  REQUIRE(made.context);
  const TlsClientContext& context = **made.context;
  // A real session, from a server.
  TlsPair pair(only(site_of("a.test")), {.highest = TLS1_2_VERSION});
  REQUIRE(pair.connects());
  REQUIRE(pair.session);
  const auto written = [&](long good_for) {
    SSL_SESSION_set_time(pair.session.get(), std::time(nullptr) - 1'000 + good_for);
    SSL_SESSION_set_timeout(pair.session.get(), 1'000);
    unsigned char* bytes = nullptr;
    const int size = i2d_SSL_SESSION(pair.session.get(), &bytes);
    std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return text;
  };
  const auto resumes = [&](std::string_view place) {
    const SslPointer session = context.session("a.test", place);
    REQUIRE(session);
    return SSL_get0_session(session.get()) != nullptr;
  };
  CHECK(!resumes("first"));
  context.keep("first", written(300));
  CHECK(resumes("first"));
  CHECK(!resumes("second"));
  context.keep("second", written(-1));
  CHECK(!resumes("second"));
  context.keep("third", "no session at all");
  CHECK(!resumes("third"));
  CHECK(ERR_peek_error() == 0);  // nobody else is told of it
  context.keep("fourth", written(300) + std::string(TlsClientContext::kLongestSession, 'x'));
  CHECK(!resumes("fourth"));
  for (std::size_t place = 0; place < TlsClientContext::kMostSessions; ++place) {
    CHECK(resumes("first") == (place < TlsClientContext::kMostSessions - 2));
    context.keep("place " + std::to_string(place), written(300));
  }
  CHECK(!resumes("first"));
  CHECK(resumes("place 0"));
}
