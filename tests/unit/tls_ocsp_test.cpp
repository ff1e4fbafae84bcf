// OCSP answers: what is believed, and when it is asked for again.
#include <doctest/doctest.h>
#include <openssl/err.h>

#include <ctime>
#include <string>

#include "core/net/tls_ocsp_response.h"
#include "core/net/tls_ocsp_schedule.h"
#include "support/test_certificates.h"
#include "support/test_ocsp.h"

using namespace edge;
using test::authority;
using test::issue;
using test::Issued;
using test::ocsp_answer;
using test::OcspOptions;

namespace {

struct Chain {
  Issued root = issue(authority("Root"));
  Issued middle = issue(authority("Middle"), &root);
  Issued leaf = issue({.authority_information = "OCSP;URI:http://ocsp.example/a"}, &middle);
  OcspSubject subject = *OcspSubject::of(test::chain_of(leaf, {&middle}), "site.pem");

  std::string error_of(const std::string& der) const {
    const Result<OcspResponse> checked = check_ocsp_response(der, subject, std::time(nullptr));
    CHECK(ERR_peek_error() == 0);
    return checked ? "none" : checked.error().context;
  }
  std::string error_of(const OcspOptions& options) const { return error_of(ocsp_answer(leaf, middle, options)); }
};

}  // namespace

TEST_SUITE("tls ocsp") {
  TEST_CASE_FIXTURE(Chain, "a good answer is taken with its times") {
    const std::string der = ocsp_answer(leaf, middle);
    const std::int64_t now = std::time(nullptr);
    const Result<OcspResponse> checked = check_ocsp_response(der, subject, now);
    REQUIRE(checked);
    CHECK(checked->der == der);
    CHECK(checked->made <= now - 60);
    CHECK(checked->until - checked->made == 3'660);
  }

  TEST_CASE_FIXTURE(Chain, "an answer may name the certificate by another hash, and no end") {
    CHECK(error_of({.digest = EVP_sha256()}) == "none");
    const std::string der = ocsp_answer(leaf, middle, {.has_until = false});
    const Result<OcspResponse> endless = check_ocsp_response(der, subject, std::time(nullptr));
    REQUIRE(endless);
    CHECK(endless->until - endless->made == 86'400);
  }

  TEST_CASE_FIXTURE(Chain, "revoked and unknown are not stapled") {
    const std::string revoked = ocsp_answer(leaf, middle, {.status = V_OCSP_CERTSTATUS_REVOKED});
    const Result<OcspResponse> checked = check_ocsp_response(revoked, subject, std::time(nullptr));
    REQUIRE_FALSE(checked);
    CHECK(checked.error().kind == ErrorKind::forbidden);
    CHECK(checked.error().context.starts_with("site.pem: \"CN=localhost\" was revoked at 20"));
    CHECK(error_of({.status = V_OCSP_CERTSTATUS_UNKNOWN}).contains("is unknown to the issuer"));
  }

  TEST_CASE_FIXTURE(Chain, "an answer of another time is refused") {
    CHECK(error_of({.made = -7'200, .until = -60}).starts_with("site.pem: the OCSP answer is too old: it held until"));
    CHECK(error_of({.made = 600}).contains("is of the future"));
    CHECK(error_of({.made = 240}) == "none");
  }

  TEST_CASE_FIXTURE(Chain, "an answer about another certificate is refused") {
    const Issued other = issue({.name = "other"}, &middle);
    CHECK(error_of(ocsp_answer(other, middle)) ==
          "site.pem: the OCSP answer is about another certificate than \"CN=localhost\"");
  }

  TEST_CASE_FIXTURE(Chain, "only the issuer and whom it allowed to may answer") {
    CHECK(error_of({.delegate = &root}).starts_with("site.pem: the OCSP answer is not signed by \"CN=Middle\""));
    const Issued delegate = issue({.name = "Responder", .key_usage = "OCSPSigning"}, &middle);
    CHECK(error_of({.delegate = &delegate}) == "none");
    const Issued not_allowed = issue({.name = "Server", .key_usage = "serverAuth"}, &middle);
    CHECK(error_of({.delegate = &not_allowed}).contains("is not signed by"));
    const Issued of_another = issue({.name = "Responder", .key_usage = "OCSPSigning"}, &root);
    CHECK(error_of({.delegate = &of_another}).contains("is not signed by"));
    const Issued expired = issue({.name = "Responder", .key_usage = "OCSPSigning", .begins = -60, .ends = -1}, &middle);
    CHECK(error_of({.delegate = &expired}).contains("is not signed by"));
    std::string forged = ocsp_answer(leaf, middle);
    char& second = forged[forged.find("\x18\x0f") + 15];  // of the time at which it was made
    second = static_cast<char>(second ^ 1);
    CHECK(error_of(forged).contains("is not signed by"));
  }

  TEST_CASE_FIXTURE(Chain, "what is no answer is refused") {
    CHECK(error_of(std::string("<html>")) == "site.pem: the OCSP answer is none, or not in DER");
    CHECK(error_of(std::string()) == "site.pem: the OCSP answer is none, or not in DER");
    CHECK(error_of(std::string("\x30\x03\x0a\x01\x03", 5)) == "site.pem: the OCSP answer is a refusal: trylater");
    const std::string whole = ocsp_answer(leaf, middle);
    for (std::size_t size = 0; size < whole.size(); size += 7) CHECK(error_of(whole.substr(0, size)) != "none");
  }

  TEST_CASE_FIXTURE(Chain, "what is asked, and where") {
    CHECK(ocsp_address(subject) == "http://ocsp.example/a");
    const Issued secure = issue({.authority_information = "OCSP;URI:https://ocsp.example/"}, &middle);
    CHECK(ocsp_address(*OcspSubject::of(test::chain_of(secure, {&middle}), "x")).empty());
    const Issued silent = issue({}, &middle);
    CHECK(ocsp_address(*OcspSubject::of(test::chain_of(silent, {&middle}), "x")).empty());
    const std::string der = make_ocsp_request(subject);
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    OCSP_REQUEST* request = d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(der.size()));
    REQUIRE(request);
    CHECK(OCSP_request_onereq_count(request) == 1);
    OCSP_REQUEST_free(request);
  }

  TEST_CASE_FIXTURE(Chain, "without its issuer nothing can be asked about a certificate") {
    const Result<OcspSubject> alone = OcspSubject::of(test::chain_of(leaf), "site.pem");
    REQUIRE_FALSE(alone);
    CHECK(alone.error().context ==
          "site.pem: OCSP needs the certificate of the issuer, \"CN=Middle\", in the chain: append it, or turn `ocsp` "
          "off");
    CHECK_FALSE(OcspSubject::of(test::chain_of(leaf, {&root}), "site.pem"));
  }

  TEST_CASE("an answer is renewed at half its life and dropped before its end") {
    OcspSchedule schedule;
    CHECK(schedule.is_due(1'000));
    CHECK_FALSE(schedule.is_stale(1'000));
    schedule.succeeded({.der = {}, .made = 1'000, .until = 9'000}, 1'100);
    CHECK_FALSE(schedule.is_due(4'999));
    CHECK(schedule.is_due(5'000));
    CHECK_FALSE(schedule.is_stale(8'879));
    CHECK(schedule.is_stale(8'880));
    schedule.dropped();
    CHECK_FALSE(schedule.is_stale(9'999));
  }

  TEST_CASE("an old answer is renewed at half of what is left, and never all the time") {
    OcspSchedule schedule;
    schedule.succeeded({.der = {}, .made = 0, .until = 9'000}, 8'000);
    CHECK_FALSE(schedule.is_due(8'499));
    CHECK(schedule.is_due(8'500));
    schedule.succeeded({.der = {}, .made = 0, .until = 9'000}, 8'990);
    CHECK_FALSE(schedule.is_due(9'049));
    CHECK(schedule.is_due(9'050));
    CHECK(schedule.is_stale(8'990));
  }

  TEST_CASE("failures are repeated ever later, up to an hour, and forgotten after a success") {
    OcspSchedule schedule;
    for (const std::int64_t pause : {60, 120, 240, 480, 960, 1'920, 3'600, 3'600}) {
      schedule.failed(10'000);
      CHECK_FALSE(schedule.is_due(10'000 + pause - 1));
      CHECK(schedule.is_due(10'000 + pause));
    }
    schedule.succeeded({.der = {}, .made = 10'000, .until = 20'000}, 10'000);
    schedule.failed(15'000);
    CHECK(schedule.is_due(15'060));
  }

  TEST_CASE("a failure leaves the answer that there is, and a clock that is set back asks anew") {
    OcspSchedule schedule;
    schedule.succeeded({.der = {}, .made = 1'000, .until = 9'000}, 1'000);
    schedule.failed(5'000);
    CHECK(schedule.is_stale(8'880));
    CHECK(schedule.is_due(4'000));
  }
}
