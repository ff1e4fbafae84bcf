// Session tickets: where and how long they resume, and where they must not.
#include "core/net/tls_tickets.h"

#include <atomic>
#include <thread>

#include "support/temporary_directory.h"
#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

namespace {

std::atomic<std::int64_t> now = 0;
std::int64_t test_clock() {
  return now;
}

/// A session for `wishes.server_name` at `sites`; null when the server gave no ticket.
SessionPointer session_at(const std::shared_ptr<const TlsSites>& sites, const ClientWishes& wishes = {}) {
  TlsPair pair(sites, wishes);
  REQUIRE(pair.connects());
  pair.hear();
  return std::move(pair.session);
}

/// The session may be used again: the client's library takes one of TLS 1.3 for used up.
bool resumes(const std::shared_ptr<const TlsSites>& sites, SSL_SESSION* session, ClientWishes wishes = {}) {
  const SessionPointer copy(SSL_SESSION_dup(session));
  wishes.session = copy.get();
  TlsPair pair(sites, wishes);
  REQUIRE(pair.connects());
  return pair.server->resumed();
}

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

}  // namespace

TEST_CASE("tls tickets: a session resumes on another loop's sites") {
  for (const int version : kVersions) {
    const auto site = site_of("a.test");
    const SessionPointer session = session_at(only(site), {.highest = version});
    REQUIRE(session);
    CHECK(resumes(only(site), session.get(), {.highest = version}));
    TlsTickets other;
    CHECK(!resumes(sites_of({}, site, true, other), session.get(), {.highest = version}));
  }
}

TEST_CASE("tls tickets: one a full handshake, and a fresh one when it was used") {
  const auto sites = only(site_of("a.test"));
  TlsPair first(sites);
  REQUIRE(first.connects());
  first.hear();
  CHECK(first.tickets == 1);
  TlsPair second(sites, {.session = first.session.get()});
  REQUIRE(second.connects());
  second.hear();
  CHECK(second.server->resumed());
  CHECK(second.tickets == 1);
}

TEST_CASE("tls tickets: a site without them gives none") {
  for (const int version : kVersions) {
    const SessionPointer session =
        session_at(only(site_of("a.test", {.session_tickets = false})), {.highest = version});
    CHECK((!session || SSL_SESSION_has_ticket(session.get()) == 0));
  }
}

TEST_CASE("tls tickets: they are good for two hours after the hour of their key") {
  for (const int version : kVersions) {
    now = 0;
    TlsTickets tickets(test_clock);
    const auto sites = sites_of({}, site_of("a.test"), true, tickets);
    const SessionPointer session = session_at(sites, {.highest = version});
    REQUIRE(session);
    CHECK(SSL_SESSION_get_ticket_lifetime_hint(session.get()) == TlsTickets::kGood);
    for (const std::int64_t hour : {1, 2}) {
      now = hour * TlsTickets::kMakes + 1;
      CHECK(resumes(sites, session.get(), {.highest = version}));
    }
    now = TlsTickets::kOpens;
    CHECK(!resumes(sites, session.get(), {.highest = version}));
  }
}

TEST_CASE("tls tickets: one of an older key is replaced") {
  now = 0;
  TlsTickets tickets(test_clock);
  const auto sites = sites_of({}, site_of("a.test"), true, tickets);
  SessionPointer session = session_at(sites, {.highest = TLS1_2_VERSION});
  for (int hour = 1; hour < 6; ++hour) {
    now = hour * TlsTickets::kMakes;
    TlsPair pair(sites, {.highest = TLS1_2_VERSION, .session = session.get()});
    REQUIRE(pair.connects());
    CHECK(pair.server->resumed());
    session.reset(SSL_get1_session(pair.client.get()));
  }
}

TEST_CASE("tls tickets: a session of one site opens no other") {
  const Identity authority = identity({.common_name = "authority", .authority = true});
  const Identity stranger = identity({.common_name = "stranger", .authority = true});
  const Identity person = identity({.common_name = "person", .signer = &authority});
  const TemporaryDirectory folder;
  const std::string ours = folder.write("ours.pem", authority.pem()).string();
  const std::string theirs = folder.write("theirs.pem", authority.pem() + stranger.pem()).string();
  const Identity server = identity({.common_name = "server"});
  const auto site = [&](const TlsSettings& settings) {
    std::vector<TlsCertificate> list;
    list.push_back(server.material());
    auto made = TlsContext::make(settings, std::move(list));
    REQUIRE(made);
    return *made;
  };
  const auto sites = sites_of({{{"open.test"}, site({})},
                               {{"asks.test"}, site({.client_ca = ours, .client_verify = ClientVerify::optional})},
                               {{"wants.test"}, site({.client_ca = ours, .client_verify = ClientVerify::required})},
                               {{"others.test"}, site({.client_ca = theirs, .client_verify = ClientVerify::required})},
                               {{"alike.test"}, site({.client_ca = ours, .client_verify = ClientVerify::required})}});
  for (const int version : kVersions) {
    const ClientWishes wishes{.server_name = "wants.test", .highest = version, .certificate = &person};
    const auto at = [&](const char* name) {
      ClientWishes there = wishes;
      there.server_name = name;
      return there;
    };
    const SessionPointer open = session_at(sites, at("open.test"));
    const SessionPointer wants = session_at(sites, wishes);
    for (const char* name : {"asks.test", "wants.test", "others.test"}) CHECK(!resumes(sites, open.get(), at(name)));
    for (const char* name : {"open.test", "asks.test", "others.test"}) CHECK(!resumes(sites, wants.get(), at(name)));
    for (const char* name : {"wants.test", "alike.test"}) CHECK(resumes(sites, wants.get(), at(name)));
    ClientWishes nobody = at("wants.test");
    nobody.certificate = nullptr;
    nobody.session = open.get();
    TlsPair refused(sites, nobody);
    CHECK(refused.shake() == TlsStream::Step::failed);
  }
}

TEST_CASE("tls tickets: a client whose certificate has expired since is looked at anew") {
  const Identity authority = identity({.common_name = "authority", .authority = true});
  const Identity person = identity({.common_name = "person", .signer = &authority, .valid_for = -60});
  const TemporaryDirectory folder;
  const std::string file = folder.write("ca.pem", authority.pem()).string();
  const auto sites = only(site_of("a.test", {.client_ca = file, .client_verify = ClientVerify::optional}));
  for (const int version : kVersions) {
    const ClientWishes wishes{.highest = version, .certificate = &person};
    const SessionPointer session = session_at(sites, wishes);
    REQUIRE(session);
    CHECK(!resumes(sites, session.get(), wishes));
  }
}

TEST_CASE("tls tickets: keys change while several loops use them") {
  now = 0;
  TlsTickets tickets(test_clock);
  const auto sites = sites_of({}, site_of("a.test"), true, tickets);
  std::atomic<int> resumed = 0;
  std::vector<std::jthread> loops;
  for (int loop = 0; loop < 4; ++loop) {
    loops.emplace_back([&] {
      for (int turn = 0; turn < 10; ++turn) {
        const SessionPointer session = session_at(sites);
        now += TlsTickets::kMakes / 16;  // two and a half hours in all, and a key opens for three
        if (resumes(sites, session.get())) ++resumed;
      }
    });
  }
  loops.clear();
  CHECK(resumed == 40);
}
