// Staplings: what becomes of OCSP answers when certificates change.
#include "cmd/staplings.h"

#include <doctest/doctest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "core/net/tls_tickets.h"
#include "support/captured_log.h"
#include "support/temporary_directory.h"
#include "support/test_certificates.h"
#include "support/test_ocsp.h"
#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

namespace {

std::optional<std::string> no_environment(std::string_view) {
  return std::nullopt;
}

/// A site with two certificates, of which the first has a responder that answers once.
class TwoCertificates : Deadline {
 public:
  TwoCertificates() {
    first = issue({.authority_information = "OCSP;URI:" + responder.address()}, &root);
    answer = ocsp_answer(first, root);
    to_be_told_.set_value(OcspResponder::http(answer));
    put("a", first);
    renew_second();
    config::Site& site = snapshot_.sites.emplace_back();
    site.hosts = {"localhost"};
    site.tls.emplace();
    site.tls->ocsp = "fetch";
    for (const std::string name : {"a", "b"}) {
      site.tls->certificates.push_back({folder_ / (name + ".pem"), folder_ / (name + ".key")});
    }
  }
  void renew_second() { put("b", issue({.rsa_bits = 2048}, &root)); }
  void settings_change() { snapshot_.sites[0].tls->session_tickets = false; }

  /// What the sites show from now on.
  const TlsContext& turn() {
    auto loaded = Certificates::load(snapshot_, tickets_, now_.get(), no_environment);
    REQUIRE_MESSAGE(loaded, loaded.error().context);
    now_ = std::move(*loaded);
    staplings_.turn_to(*now_);
    return *now_->of_site(0);
  }
  std::string stapled() {
    TlsPair pair(only(now_->of_site(0)), {.server_name = "localhost", .asks_for_ocsp = true});
    REQUIRE(pair.connects());
    unsigned char* bytes = nullptr;
    const long size = SSL_get_tlsext_status_ocsp_resp(pair.client.get(), static_cast<void*>(&bytes));
    return size > 0 ? std::string(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size)) : std::string();
  }
  void run_until_stapled() {
    loop_.arm(*this, Milliseconds(2));
    loop_.run();
  }

  test::CapturedLog log;
  Issued root = issue(authority("Root"));
  Issued first;
  std::string answer;

 private:
  void on_deadline() override {
    if (log.contains("an OCSP answer is stapled")) return loop_.stop();
    loop_.arm(*this, Milliseconds(2));
  }
  void put(const std::string& name, const Issued& certificate) {
    folder_.write(name + ".pem", certificate.pem + root.pem);
    folder_.write(name + ".key", certificate.key_pem);
  }

  std::promise<std::string> to_be_told_;
  OcspResponder responder{to_be_told_.get_future()};
  TemporaryDirectory folder_;
  config::Snapshot snapshot_;
  Loop loop_;
  TlsTickets tickets_;
  std::shared_ptr<const Certificates> now_;
  Staplings staplings_{loop_};
};

}  // namespace

TEST_CASE("staplings: an answer stays when another certificate of its site is renewed") {
  TwoCertificates site;
  const TlsContext* const before = &site.turn();
  CHECK(site.stapled() == "");
  site.run_until_stapled();
  CHECK(site.stapled() == site.answer);
  site.renew_second();
  CHECK(&site.turn() != before);
  CHECK(site.stapled() == site.answer);
  site.settings_change();
  site.turn();
  CHECK(site.stapled() == site.answer);
}
