// Certificates for development: made once, kept, renewed in time, and nobody else's to read.
#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "core/net/tls_certificate_files.h"
#include "core/net/tls_development.h"
#include "core/net/tls_issue.h"
#include "core/net/tls_names.h"
#include "core/net/tls_private_folder.h"
#include "core/net/tls_x509_text.h"
#include "support/file_content.h"
#include "support/temporary_directory.h"
#include "support/test_certificates.h"

using namespace edge;

namespace {

constexpr std::int64_t kDay = 86'400;

struct Development {
  test::TemporaryDirectory folder;
  std::string place = folder / "share/edge/development";
  std::int64_t now = std::time(nullptr);

  DevelopmentCertificate make(const std::vector<std::string>& hosts = {}, std::int64_t later = 0) {
    Result<DevelopmentCertificate> made = development_certificate(place, hosts, now + later);
    if (!made) FAIL(made.error().context);
    CHECK(ERR_peek_error() == 0);
    return *made;
  }
  std::string error() const {
    const Result<DevelopmentCertificate> made = development_certificate(place, {}, now);
    return made ? "none" : made.error().context;
  }
  void replace(const std::string& name, const std::string& content) const {
    folder.write("share/edge/development/" + name, content);
  }
  std::string remedy() const {
    return "; remove " + place + "/ca.pem and " + place + "/ca.key, and edge makes a new one";
  }
};

mode_t mode_of(const std::string& path) {
  struct stat found{};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

TlsCertificate loaded(const TlsCertificateFiles& files, std::vector<std::string>& warnings) {
  CertificateCheck check;
  Result<TlsCertificate> certificate = load_certificate(files, std::time(nullptr), check);
  REQUIRE(certificate);
  warnings = check.warnings;
  return std::move(*certificate);
}

bool covers(const TlsCertificate& certificate, const char* host) {
  TlsNames names;
  names.add(*certificate.chain.front());
  return names.cover(host);
}

/// What a client says that trusts the authority and nothing else; "ok" when it is content.
std::string verdict(const TlsCertificate& certificate, const char* host) {
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, certificate.chain.at(1).get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, certificate.chain[0].get(), nullptr);
  X509_STORE_CTX_set_default(context, "ssl_server");
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_auth_level(parameters, 2);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host) != 1) X509_VERIFY_PARAM_set1_host(parameters, host, 0);
  ERR_clear_error();
  X509_verify_cert(context);
  const std::string text = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return text;
}

}  // namespace

TEST_SUITE("tls development") {
  TEST_CASE_FIXTURE(Development, "a client that trusts the authority is content with the certificate") {
    const DevelopmentCertificate made = make();
    std::vector<std::string> warnings;
    const TlsCertificate certificate = loaded(made.files, warnings);
    CHECK(warnings.empty());
    for (const char* host : {"localhost", "127.0.0.1", "::1"}) CHECK(verdict(certificate, host) == "ok");
    CHECK(verdict(certificate, "example.com") == "hostname mismatch");
    CHECK(covers(certificate, "*.localhost"));
    X509* leaf = certificate.chain[0].get();
    CHECK(unix_time(X509_get0_notAfter(leaf)) == now + 90 * kDay);
    CHECK(unix_time(X509_get0_notBefore(leaf)) < now);
    X509* authority = certificate.chain[1].get();
    CHECK(X509_get_pathlen(authority) == 0);
    CHECK(subject_of(certificate.chain[1]).starts_with("\"CN=edge development CA ("));
    CHECK(unix_time(X509_get0_notAfter(authority)) > now + 9 * 365 * kDay);
  }

  TEST_CASE_FIXTURE(Development, "nobody else can read what is kept") {
    const DevelopmentCertificate made = make();
    CHECK(mode_of(place) == 0700);
    for (const std::string& file : {made.files.key, made.authority, place + "/ca.key"}) CHECK(mode_of(file) == 0600);
    REQUIRE(::chmod(place.c_str(), 0755) == 0);
    make();
    CHECK(mode_of(place) == 0700);
  }

  TEST_CASE_FIXTURE(Development, "what was made is kept") {
    const DevelopmentCertificate first = make();
    const std::string before = test::file_content(first.files.certificate);
    const DevelopmentCertificate second = make({}, 59 * kDay);
    CHECK(second.files == first.files);
    CHECK(second.authority == first.authority);
    CHECK(test::file_content(second.files.certificate) == before);
  }

  TEST_CASE_FIXTURE(Development,
                    "within thirty days of its end, or broken, a certificate is renewed by the same authority") {
    const DevelopmentCertificate first = make();
    const std::string authority = test::file_content(first.authority);
    std::string before = test::file_content(first.files.certificate);
    make({}, 61 * kDay);
    CHECK(test::file_content(first.files.certificate) != before);
    test::TemporaryDirectory other;
    const std::vector<std::string> others{"other.example"};
    const auto strange = development_certificate(other / "x", others, now);
    for (const std::string& content : {std::string("broken"), test::file_content(strange->files.certificate)}) {
      replace(std::filesystem::path(first.files.certificate).filename(), content);
      make();
      std::vector<std::string> warnings;
      CHECK(verdict(loaded(first.files, warnings), "localhost") == "ok");
    }
    CHECK(test::file_content(first.authority) == authority);
  }

  TEST_CASE_FIXTURE(Development, "sites have certificates of their own names, from one authority") {
    const std::vector<std::string> hosts{"shop.example", "*.shop.example", "192.0.2.7"};
    const DevelopmentCertificate shop = make(hosts);
    const DevelopmentCertificate more = make({"shop.example", "new.example"});
    CHECK(shop.files.certificate != more.files.certificate);
    CHECK(shop.authority == more.authority);
    std::vector<std::string> warnings;
    const TlsCertificate certificate = loaded(shop.files, warnings);
    for (const char* host : {"shop.example", "a.shop.example", "192.0.2.7"}) CHECK(verdict(certificate, host) == "ok");
    CHECK(verdict(certificate, "localhost") == "hostname mismatch");
    const DevelopmentCertificate hostile = make({"../../etc/x,DNS:evil.example"});
    CHECK(std::filesystem::path(hostile.files.key).parent_path() == place);
    CHECK_FALSE(covers(loaded(hostile.files, warnings), "evil.example"));
  }

  TEST_CASE_FIXTURE(Development, "edges that start at once end up with one authority") {
    std::vector<std::string> errors(4);
    std::vector<std::thread> edges;  // a lock is a descriptor's, so threads stand for processes
    for (std::size_t i = 0; i < errors.size(); ++i) {
      edges.emplace_back([this, i, &errors] {
        const std::vector<std::string> hosts{"site" + std::to_string(i)};
        const Result<DevelopmentCertificate> made = development_certificate(place, hosts, now);
        if (!made) errors[i] = made.error().context;
      });
    }
    for (std::thread& each : edges) each.join();
    CHECK(errors == std::vector<std::string>(4));
    const std::string authority = test::file_content(place + "/ca.pem");
    std::size_t sites = 0;
    for (const auto& entry : std::filesystem::directory_iterator(place)) {
      if (!entry.path().filename().string().starts_with("site-")) continue;
      ++sites;
      CHECK(test::file_content(entry.path()).contains(authority));
    }
    CHECK(sites == 4);
  }

  TEST_CASE_FIXTURE(Development, "what a killed process left is no obstacle") {
    REQUIRE(std::filesystem::create_directories(place));
    replace(".new", "half a key");
    replace("ca.key", "the key of an authority that nobody has seen yet");
    make();
    CHECK_FALSE(std::filesystem::exists(place + "/.new"));
  }

  TEST_CASE_FIXTURE(Development, "a broken authority is told, with what to remove") {
    const DevelopmentCertificate made = make();
    const std::string certificate = test::file_content(made.authority);
    const std::string key = test::file_content(place + "/ca.key");
    const std::string broken = "the development authority is broken: ";
    replace("ca.pem", "");
    CHECK(error() == broken + place + "/ca.pem is empty" + remedy());
    replace("ca.pem", key);
    CHECK(error() == broken + place + "/ca.pem holds no certificate" + remedy());
    replace("ca.pem", certificate);
    replace("ca.key", certificate);
    CHECK(error() == broken + place + "/ca.key holds no key that can be read" + remedy());
    replace("ca.key", test::issue().key_pem);
    CHECK(error() == broken + place + "/ca.key is the key of another certificate" + remedy());
    std::filesystem::remove(place + "/ca.key");
    CHECK(error() == broken + place + "/ca.key cannot be read: No such file or directory" + remedy());
  }

  TEST_CASE_FIXTURE(Development, "an authority that has expired, or is none, signs nothing") {
    make();
    const Result<IssuedCertificate> old = issue_authority("old", now - 4'000 * kDay);
    replace("ca.pem", old->certificate_pem());
    replace("ca.key", old->key_pem());
    CHECK(error().starts_with("the development authority is broken: it has expired at "));
    const test::Issued site = test::issue();
    replace("ca.pem", site.pem);
    replace("ca.key", site.key_pem);
    CHECK(error().contains("ca.pem is no authority; remove"));
  }

  TEST_CASE_FIXTURE(Development, "a site's certificate does not outlive the authority") {
    const Result<IssuedCertificate> old = issue_authority("old", now - 3'600 * kDay);
    const std::vector<std::string> hosts{"a.example"};
    const Result<IssuedCertificate> site = issue_site_certificate(hosts, *old, now);
    CHECK(unix_time(X509_get0_notAfter(site->certificate.get())) ==
          unix_time(X509_get0_notAfter(old->certificate.get())));
  }

  TEST_CASE_FIXTURE(Development, "a folder that cannot be had is told") {
    folder.write("file", "");
    place = folder / "file/edge/development";
    CHECK(error() == place + " cannot be made: Not a directory");
    place = folder / "file";
    CHECK(error() == place + " cannot be opened as a folder: Not a directory");
    std::filesystem::create_directory(folder / "real");
    std::filesystem::create_symlink(folder / "real", folder / "link");
    place = folder / "link";
    CHECK(error().contains(" cannot be opened as a folder: "));
    place = folder / "occupied";
    std::filesystem::create_directories(place + "/ca.key/x");
    CHECK(error() == place + "/ca.key cannot be written: Is a directory");
  }

  TEST_CASE_FIXTURE(Development, "a folder of another user is refused") {
    if (::geteuid() != 0) return;  // nobody else can give a folder away
    std::filesystem::create_directories(place);
    REQUIRE(::chown(place.c_str(), 65'534, 65'534) == 0);
    CHECK(error() == place +
                         " belongs to user 65534, who could replace the keys in it; remove it, or run edge as that "
                         "user");
  }

  TEST_CASE_FIXTURE(Development, "one who hangs does not hold others for ever") {
    const Result<PrivateFolder> first = PrivateFolder::take(place, Milliseconds(0));
    REQUIRE(first);
    const Result<PrivateFolder> second = PrivateFolder::take(place, Milliseconds(30));
    REQUIRE_FALSE(second);
    CHECK(second.error().context == place + " has been held by another edge for 30 ms; end the one that hangs");
  }

  TEST_CASE("where the authority lives") {
    CHECK(development_folder(0, "/data", "/home") == "/var/lib/edge/development");
    CHECK(development_folder(1'000, "/data", "/h") == "/data/edge/development");
    CHECK(development_folder(1'000, "relative", "/h") == "/h/.local/share/edge/development");
    CHECK(development_folder(1'000, nullptr, "/h") == "/h/.local/share/edge/development");
    CHECK(development_folder(1'000, "", nullptr).error().context.contains("set XDG_DATA_HOME"));
  }

  TEST_CASE("how to trust it is told with the authority's path") {
    const std::string text = how_to_trust({{}, "/data/ca.pem", {"a.example", "b.example"}});
    CHECK(text.starts_with("a certificate for development serves a.example, b.example"));
    CHECK(text.contains("curl --cacert /data/ca.pem https://"));
    CHECK(text.contains("sudo cp /data/ca.pem /usr/local/share/ca-certificates/edge-development.crt"));
  }
}
