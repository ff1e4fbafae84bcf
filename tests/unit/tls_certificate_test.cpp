// Loading certificates: what is refused with which words, what is warned of, what is put right.
#include <doctest/doctest.h>
#include <openssl/err.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "core/net/tls_certificate_files.h"
#include "core/net/tls_names.h"
#include "core/net/tls_x509_text.h"
#include "support/temporary_directory.h"
#include "support/test_certificates.h"

using namespace edge;
using test::authority;
using test::issue;
using test::Issued;
using test::IssueOptions;

namespace {

constexpr long kDay = 86'400;

/// A chain of three, and files of it.
struct Files {
  test::TemporaryDirectory folder;
  Issued root = issue(authority("Root"));
  Issued middle = issue(authority("Middle"), &root);
  Issued leaf = issue({}, &middle);
  CertificateCheck check;

  TlsCertificateFiles write(const std::string& chain, const std::string& key) {
    const std::filesystem::path key_file = folder.write("site.key", key);
    std::filesystem::permissions(key_file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return {folder.write("site.pem", chain), key_file};
  }
  Result<TlsCertificate> load(const std::string& chain, const std::string& key) {
    check.warnings.clear();
    return load_certificate(write(chain, key), std::time(nullptr), check);
  }
  std::string error_of(const std::string& chain, const std::string& key) {
    const Result<TlsCertificate> loaded = load(chain, key);
    CHECK(ERR_peek_error() == 0);
    return loaded ? "none" : without_folder(loaded.error().context);
  }
  std::vector<std::string> warnings_of(const std::string& chain, const std::string& key) {
    CHECK(load(chain, key).has_value());
    CHECK(ERR_peek_error() == 0);
    std::vector<std::string> warnings;
    for (const std::string& each : check.warnings) warnings.push_back(without_folder(each));
    return warnings;
  }
  std::string warning_of(const Issued& issued) {
    const std::vector<std::string> warnings = warnings_of(issued.pem + middle.pem, issued.key_pem);
    REQUIRE(warnings.size() == 1);
    return warnings[0];
  }
  std::string without_folder(std::string text) const {
    const std::string prefix = folder.path().string() + "/";
    for (std::size_t at = 0; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
    return text;
  }
};

std::string der_of(const Issued& issued) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(issued.certificate.get(), &bytes);
  std::string der(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

std::string encrypted_key_of(const Issued& issued) {
  return test::written(
      [](BIO* to, const Issued& from) {
        unsigned char password[] = "secret";
        PEM_write_bio_PrivateKey(to, from.key.get(), EVP_aes_128_cbc(), password, 6, nullptr, nullptr);
      },
      issued);
}

}  // namespace

TEST_SUITE("tls certificate") {
  TEST_CASE_FIXTURE(Files, "a chain and its key are loaded without a word") {
    const Result<TlsCertificate> loaded = load(leaf.pem + middle.pem, leaf.key_pem);
    REQUIRE(loaded);
    CHECK(check.warnings.empty());
    REQUIRE(loaded->chain.size() == 2);
    CHECK(X509_cmp(loaded->chain[0].get(), leaf.certificate.get()) == 0);
    CHECK(X509_cmp(loaded->chain[1].get(), middle.certificate.get()) == 0);
    CHECK(EVP_PKEY_eq(loaded->key.get(), leaf.key.get()) == 1);
  }

  TEST_CASE_FIXTURE(Files, "chain and key may stand in one file, with other blocks and text between") {
    const std::string parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    const std::string both = parameters + leaf.key_pem + "subject=CN = localhost\n" + leaf.pem + middle.pem;
    CHECK(warnings_of(both, both).empty());
  }

  TEST_CASE_FIXTURE(Files, "a file that cannot be read says why") {
    const TlsCertificateFiles good = write(leaf.pem + middle.pem, leaf.key_pem);
    const TlsCertificateFiles missing{good.certificate + "x", good.key};
    CHECK(load_certificate(missing, 0, check).error().context ==
          missing.certificate + " cannot be read: No such file or directory");
    const TlsCertificateFiles a_folder{good.certificate, folder.path()};
    CHECK(load_certificate(a_folder, 0, check).error().context ==
          a_folder.key + " is no file; name the file of a certificate or key in PEM");
    const std::string pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(load_certificate({pipe, good.key}, 0, check).error().context.contains("is no file"));
    CHECK(error_of(std::string((1 << 20) + 1, 'x'), leaf.key_pem).contains("1048577 bytes, too many"));
  }

  TEST_CASE_FIXTURE(Files, "what is no PEM is told with the command that converts it") {
    CHECK(error_of("", leaf.key_pem) == "site.pem is empty");
    CHECK(error_of("hello", leaf.key_pem).starts_with("site.pem is not PEM: it has no line"));
    CHECK(error_of(der_of(leaf), leaf.key_pem) ==
          "site.pem is DER, not PEM; convert it: openssl x509 -inform DER -in site.pem -out NEW.pem");
  }

  TEST_CASE_FIXTURE(Files, "damage is found") {
    std::string torn = leaf.pem;
    torn.resize(torn.size() / 2);
    CHECK(error_of(torn, leaf.key_pem).starts_with("site.pem is damaged ("));
    CHECK(error_of(leaf.pem + torn, leaf.key_pem).starts_with("site.pem is damaged ("));
    const std::string nonsense = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    CHECK(error_of(leaf.pem + nonsense, leaf.key_pem).starts_with("site.pem: certificate 2 of the file is damaged ("));
    const std::string no_key = "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n";
    CHECK(error_of(leaf.pem, no_key).starts_with("site.key: the private key is damaged"));
  }

  TEST_CASE_FIXTURE(Files, "files that hold something else than they are named for") {
    CHECK(error_of(leaf.key_pem, leaf.pem) ==
          "site.pem is a private key and site.key a certificate: swap `certificate` and `key`");
    CHECK(error_of(leaf.key_pem, leaf.key_pem).starts_with("site.pem holds a private key and no certificate"));
    CHECK(error_of(leaf.pem, leaf.pem).starts_with("site.key holds a certificate and no private key"));
    const std::string request = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    CHECK(error_of(request, leaf.key_pem).starts_with("site.pem holds no certificate"));
    CHECK(error_of(leaf.pem, request).starts_with("site.key holds no private key"));
  }

  TEST_CASE_FIXTURE(Files, "an encrypted key is told as such, with the command that decrypts it") {
    CHECK(error_of(leaf.pem, encrypted_key_of(leaf)) ==
          "site.key is encrypted, and nobody is there to type its password; decrypt it: openssl pkey -in site.key -out "
          "NEW.key");
  }

  TEST_CASE_FIXTURE(Files, "a key of another certificate is refused, with both files named") {
    CHECK(error_of(leaf.pem + middle.pem, root.key_pem) ==
          "site.key, site.pem: the key does not belong to the certificate \"CN=localhost\"; name the key that it was "
          "issued for");
  }

  TEST_CASE_FIXTURE(Files, "a chain out of order is put in order, with a warning") {
    const std::vector<std::string> warnings = warnings_of(root.pem + middle.pem + leaf.pem, leaf.key_pem);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0] ==
          "site.pem: the chain is out of order and begins with \"CN=Root\"; edge sends \"CN=localhost\", then "
          "\"CN=Middle\", then \"CN=Root\": put them so, other programs need it");
    const Result<TlsCertificate> loaded = load(leaf.pem + root.pem + middle.pem, leaf.key_pem);
    REQUIRE(loaded);
    CHECK(X509_cmp(loaded->chain[1].get(), middle.certificate.get()) == 0);
  }

  TEST_CASE_FIXTURE(Files, "a certificate of nobody's chain stays, last") {
    const Issued stranger = issue(authority("Stranger"));
    const Result<TlsCertificate> loaded = load(leaf.pem + stranger.pem + middle.pem, leaf.key_pem);
    REQUIRE(loaded);
    REQUIRE(loaded->chain.size() == 3);
    CHECK(X509_cmp(loaded->chain[2].get(), stranger.certificate.get()) == 0);
  }

  TEST_CASE_FIXTURE(Files, "weak keys and signatures are errors") {
    const Issued short_key = issue({.rsa_bits = 1024}, &middle);
    CHECK(
        error_of(short_key.pem + middle.pem, short_key.key_pem) ==
        "site.pem: the RSA key of \"CN=localhost\" has 1024 bits, which clients refuse; have a certificate issued for "
        "a key of RSA 2048 or P-256");
    const Issued good_rsa = issue({.rsa_bits = 2048}, &middle);
    CHECK(error_of(good_rsa.pem + middle.pem, good_rsa.key_pem) == "none");
    const Issued old = issue({.digest = EVP_sha1()}, &middle);
    CHECK(error_of(old.pem + middle.pem, old.key_pem).starts_with("site.pem: \"CN=localhost\" is signed with sha1"));
    IssueOptions old_root = authority("Old");
    old_root.digest = EVP_sha1();
    CHECK(error_of(leaf.pem + middle.pem + issue(old_root).pem, leaf.key_pem) == "none");
  }

  TEST_CASE_FIXTURE(Files, "times that clients refuse, or soon will, are warnings") {
    CHECK(warning_of(issue({.begins = -2 * kDay, .ends = -kDay}, &middle))
              .starts_with("site.pem: \"CN=localhost\" has expired at "));
    const Issued soon = issue({.ends = 13 * kDay}, &middle);
    const std::string end = utc_text(unix_time(X509_get0_notAfter(soon.certificate.get())));
    CHECK(warning_of(soon) == "site.pem: \"CN=localhost\" expires at " + end + "; renew it");
    CHECK(warning_of(issue({.begins = kDay}, &middle)).contains("is valid only from "));
    IssueOptions over = authority("Over");
    over.ends = -1;
    const Issued old_middle = issue(over, &root);
    const Issued below = issue({}, &old_middle);
    const std::vector<std::string> warnings = warnings_of(below.pem + old_middle.pem, below.key_pem);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].starts_with("site.pem: \"CN=Over\" has expired at "));
    CHECK(warnings_of(leaf.pem + middle.pem + issue(over).pem, leaf.key_pem).empty());
  }

  TEST_CASE_FIXTURE(Files, "a missing intermediate and missing names are warnings") {
    const std::vector<std::string> lonely = warnings_of(leaf.pem, leaf.key_pem);
    REQUIRE(lonely.size() == 1);
    CHECK(lonely[0].starts_with("site.pem: the certificate of the issuer, \"CN=Middle\", is missing"));
    CHECK(warning_of(issue({.alternative_names = ""}, &middle))
              .starts_with("site.pem: \"CN=localhost\" names no host in subjectAltName"));
    const Issued alone = issue();
    CHECK(warnings_of(alone.pem, alone.key_pem).empty());
  }

  TEST_CASE_FIXTURE(Files, "a key that everybody may read is a warning") {
    const TlsCertificateFiles files = write(leaf.pem + middle.pem, leaf.key_pem);
    REQUIRE(::chmod(files.key.c_str(), 0644) == 0);
    REQUIRE(load_certificate(files, std::time(nullptr), check));
    REQUIRE(check.warnings.size() == 1);
    CHECK(without_folder(check.warnings[0]) ==
          "site.key: every user of this machine may read or change the key (mode 644); chmod o= site.key");
  }

  TEST_CASE_FIXTURE(Files, "control bytes of a name do not reach the log") {
    const Issued hostile = issue({.name = "a\nb\x1b[31m", .ends = kDay}, &middle);
    CHECK(warning_of(hostile).starts_with("site.pem: \"CN=a\\0Ab\\1B[31m\" expires"));
  }

  TEST_CASE_FIXTURE(Files, "which hosts certificates cover") {
    TlsNames names;
    CHECK(names.empty());
    const std::string many = "DNS:Example.com,DNS:*.example.org,IP:192.0.2.1,IP:2001:db8::1";
    names.add(*issue({.name = "common.example", .alternative_names = many}, &middle).certificate);
    CHECK_FALSE(names.empty());
    for (const std::string host :
         {"example.com", "a.example.org", "*.example.org", "192.0.2.1", "2001:db8::1", "2001:db8:0::1"}) {
      CAPTURE(host);
      CHECK(names.cover(host));
    }
    for (const std::string host : {"www.example.com", "example.org", "a.b.example.org", "*.example.com",
                                   "*.a.example.org", ".example.org", "common.example", "192.0.2.2", ""}) {
      CAPTURE(host);
      CHECK_FALSE(names.cover(host));
    }
  }

  TEST_CASE_FIXTURE(Files, "a host is named when no certificate of the site covers it") {
    const TlsCertificateFiles files = write(leaf.pem + middle.pem, leaf.key_pem);
    const std::vector<TlsCertificateFiles> two{files, files};
    const std::vector<std::string> hosts{"localhost", "example.com"};
    const Result<std::vector<TlsCertificate>> loaded = load_certificates(two, hosts, std::time(nullptr), check);
    REQUIRE(loaded);
    CHECK(loaded->size() == 2);
    REQUIRE(check.warnings.size() == 1);
    CHECK(without_folder(check.warnings[0])
              .starts_with("site.pem, site.pem: no certificate is for example.com, a host of this site"));
    const std::vector<TlsCertificateFiles> broken{files, {files.key, files.key}};
    CHECK_FALSE(load_certificates(broken, hosts, 0, check));
  }
}
