// Asking an OCSP responder, however it behaves, and stapling what it says.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "core/net/tls_ocsp.h"
#include "core/net/tls_ocsp_fetch.h"
#include "support/captured_log.h"
#include "support/temporary_directory.h"
#include "support/test_certificates.h"
#include "support/test_ocsp.h"

using namespace edge;
using test::authority;
using test::issue;
using test::Issued;
using test::ocsp_answer;
using test::OcspResponder;

namespace {

const std::atomic<bool> kWanted = false;

std::string error_of(OcspResponder& responder, Milliseconds patience = kOcspPatience) {
  const Result<std::string> fetched = fetch_ocsp(responder.address(), "question", kWanted, patience);
  if (fetched) return "none";
  const std::string prefix = "the OCSP responder " + responder.address() + " ";
  CHECK(fetched.error().context.starts_with(prefix));
  return fetched.error().context.substr(prefix.size());
}

std::string error_of_answer(const std::string& bytes) {
  OcspResponder responder(bytes);
  return error_of(responder);
}

/// Runs a stapling until it has stapled, dropped or warned so often as is asked for.
struct Stapled {
  test::CapturedLog log;
  Loop loop;
  Issued root = issue(authority("Root"));
  Issued leaf = issue({}, &root);
  OcspSubject subject = *OcspSubject::of(test::chain_of(leaf, {&root}), "site.pem");
  std::shared_ptr<OcspTurn> turn = std::make_shared<OcspTurn>();
  std::vector<std::string> stapled;
  std::unique_ptr<OcspStapling> stapling;

  void run(OcspStapling::Source source, std::size_t answers) {
    const auto staple = [this, answers](std::string der) {
      stapled.push_back(std::move(der));
      if (stapled.size() == answers) loop.stop();
    };
    stapling = std::make_unique<OcspStapling>(loop, turn, std::move(subject), std::move(source), staple);
    loop.run();
  }
};

}  // namespace

TEST_SUITE("tls ocsp stapling") {
  TEST_CASE("a question is posted and the answer taken, by its length or its end") {
    OcspResponder by_end(OcspResponder::http("answer"));
    CHECK(fetch_ocsp(by_end.address(), "question", kWanted).value() == "answer");
    const std::string asked = by_end.asked();
    CHECK(asked.starts_with("POST /ocsp?site=1 HTTP/1.0\r\nHost: 127.0.0.1:"));
    CHECK(asked.contains("\r\nContent-Type: application/ocsp-request\r\n"));
    CHECK(asked.ends_with("\r\n\r\nquestion"));
    const std::string head = "HTTP/1.0 200 OK\r\ncontent-LENGTH:  6 \r\n";
    OcspResponder by_length(OcspResponder::http("answer and more", head), OcspResponder::Then::hold);
    CHECK(fetch_ocsp(by_length.address(), "question", kWanted).value() == "answer");
  }

  TEST_CASE("what is no answer is told apart") {
    CHECK(error_of_answer(OcspResponder::http("", "HTTP/1.1 404 Not Found\r\n")) == "answered 404 Not Found");
    CHECK(error_of_answer("SSH-2.0-OpenSSH\r\n\r\n") == "does not speak HTTP");
    CHECK(error_of_answer("HTTP/1.1 200 OK\r\n") == "closed without an answer");
    CHECK(error_of_answer("") == "closed without an answer");
    CHECK(error_of_answer(OcspResponder::http("short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n")) == "broke off");
    CHECK(error_of_answer(OcspResponder::http("0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n")) ==
          "answered in chunks, which were not asked for");
  }

  TEST_CASE("an answer that is too large is given up") {
    CHECK(error_of_answer(OcspResponder::http(std::string(kMostOcspBytes + 1, 'x'))) ==
          "answered with more than 65536 bytes");
    CHECK(error_of_answer(OcspResponder::http("x", "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n")) ==
          "answered with more than 65536 bytes");
    CHECK(error_of_answer(OcspResponder::http("x", "HTTP/1.1 200 OK\r\nContent-Length: 1e9\r\n")) ==
          "answered with more than 65536 bytes");
    CHECK(error_of_answer("HTTP/1.1 200 OK\r\n" + std::string(200'000, 'x')) ==
          "answered with a head that does not end");
  }

  TEST_CASE("a responder that is silent is given up in time, and at once when nobody waits any more") {
    OcspResponder silent("", OcspResponder::Then::hold);
    CHECK(error_of(silent, Milliseconds(60)) == "did not answer in time");
    OcspResponder again("HTTP/1.1 200 OK\r\n", OcspResponder::Then::hold);
    const std::atomic<bool> unwanted = true;
    CHECK(fetch_ocsp(again.address(), "", unwanted).error().context.ends_with("is no longer needed"));
  }

  TEST_CASE("a responder that is not there, and addresses that cannot be asked") {
    std::string address;
    {
      const OcspResponder gone("");
      address = gone.address();
    }
    CHECK(fetch_ocsp(address, "", kWanted).error().context.contains("cannot be reached: Connection refused"));
    for (const std::string wrong :
         {"https://localhost/", "ftp://localhost/", "", "http://", "http://a/b\r\nc", "http://a/b c"}) {
      CAPTURE(wrong);
      CHECK(fetch_ocsp(wrong, "", kWanted).error().context.contains("has no address that can be asked"));
    }
  }

  TEST_CASE_FIXTURE(Stapled, "an answer is fetched from where the certificate says, checked and stapled") {
    const std::string answer = ocsp_answer(leaf, root);
    OcspResponder responder(OcspResponder::http(answer));
    const Issued named = issue({.authority_information = "OCSP;URI:" + responder.address()}, &root);
    const OcspSubject asks = *OcspSubject::of(test::chain_of(named, {&root}), "site.pem");
    run(ocsp_source("fetch", asks).value(), 1);
    CHECK(stapled == std::vector<std::string>{answer});
    CHECK(log.contains("info site.pem: an OCSP answer is stapled, good until 20"));
  }

  TEST_CASE_FIXTURE(Stapled, "a certificate without a responder is told so") {
    CHECK(
        ocsp_source("fetch", subject).error().context.starts_with("site.pem: the certificate names no OCSP responder"));
  }

  TEST_CASE_FIXTURE(Stapled, "an answer is read from a file") {
    const test::TemporaryDirectory folder;
    const std::string file = folder.write("answer.der", ocsp_answer(leaf, root));
    CHECK(read_ocsp_file(file, subject, std::time(nullptr)).has_value());
    const std::string other = folder.write("other.der", "nonsense");
    CHECK(read_ocsp_file(other, subject, 0).error().context ==
          other + ", site.pem: the OCSP answer is none, or not in DER");
    CHECK(read_ocsp_file(other + "x", subject, 0).error().context.contains("cannot be read: No such file"));
    run(ocsp_source(file, subject).value(), 1);
    CHECK(stapled.size() == 1);
  }

  TEST_CASE_FIXTURE(Stapled, "a failure is logged and staples nothing; looking again helps") {
    const auto source = [this, answer = ocsp_answer(leaf, root), asked = 0](
                            const std::string&, const std::atomic<bool>&) mutable -> Result<std::string> {
      if (++asked > 1) return answer;
      loop.post([this] { stapling->look_again(); });
      return fail(ErrorKind::internal, Side::ours, "the responder is asleep");
    };
    run(source, 1);
    CHECK(stapled.size() == 1);
    CHECK(log.contains("warn site.pem: no new OCSP answer: the responder is asleep"));
  }

  TEST_CASE_FIXTURE(Stapled, "certificates take turns, so that one thread at most waits for responders") {
    std::atomic<bool> other_is_stapled = false;
    std::atomic<bool> came_later = false;
    const std::string answer = ocsp_answer(leaf, root);
    OcspStapling other(
        loop, turn, *OcspSubject::of(test::chain_of(leaf, {&root}), "other.pem"),
        [&answer](const std::string&, const std::atomic<bool>&) { return Result<std::string>(answer); },
        [&other_is_stapled](const std::string&) { other_is_stapled = true; });
    const auto source = [&](const std::string&, const std::atomic<bool>&) {
      came_later = other_is_stapled.load();
      return Result<std::string>(answer);
    };
    run(source, 1);
    CHECK(came_later);
  }

  TEST_CASE_FIXTURE(Stapled, "an answer that is nearly over is withdrawn") {
    const std::string answer = ocsp_answer(leaf, root, {.until = 60});
    run([answer](const std::string&, const std::atomic<bool>&) { return Result<std::string>(answer); }, 2);
    CHECK(stapled == std::vector<std::string>{answer, ""});
    CHECK(log.contains("warn site.pem: the OCSP answer is too old and no longer stapled"));
  }

  TEST_CASE_FIXTURE(Stapled, "what was stapled is withdrawn when the certificate turns out to be revoked") {
    const std::string good = ocsp_answer(leaf, root);
    const std::string revoked = ocsp_answer(leaf, root, {.status = V_OCSP_CERTSTATUS_REVOKED});
    const auto source = [this, good, revoked, asked = 0](const std::string&,
                                                         const std::atomic<bool>&) mutable -> Result<std::string> {
      if (++asked > 1) return revoked;
      loop.post([this] { stapling->look_again(); });
      return good;
    };
    run(source, 2);
    CHECK(stapled == std::vector<std::string>{good, ""});
    CHECK(log.contains("was revoked at"));
  }

  TEST_CASE_FIXTURE(Stapled, "it ends at once while the responder is silent") {
    std::chrono::steady_clock::time_point begun;
    {
      OcspResponder silent("", OcspResponder::Then::hold);
      const Issued named = issue({.authority_information = "OCSP;URI:" + silent.address()}, &root);
      const OcspSubject asks = *OcspSubject::of(test::chain_of(named, {&root}), "site.pem");
      loop.post([this] {
        stapling.reset();
        loop.stop();
      });
      begun = std::chrono::steady_clock::now();
      run(ocsp_source("fetch", asks).value(), 0);
    }
    CHECK(stapled.empty());
    CHECK(std::chrono::steady_clock::now() - begun < kOcspPatience / 2);
  }
}
