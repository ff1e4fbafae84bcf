// TlsSites: the site, its versions, its certificate and the application protocol that a client gets.
#include "core/net/tls_sites.h"

#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

using Step = TlsStream::Step;

TEST_CASE("tls sites: both versions, and what is known afterwards") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair pair(only(site_of("a.test")), {.server_name = "A.test", .highest = version});
    REQUIRE(pair.connects());
    CHECK(pair.server->protocol() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
    CHECK(pair.server->cipher() ==
          (version == TLS1_2_VERSION ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "TLS_AES_128_GCM_SHA256"));
    CHECK(pair.server->server_name() == "a.test");
    CHECK(pair.server->alpn() == "");
    CHECK(!pair.server->resumed());
    CHECK(pair.server->error() == "");
    CHECK(pair.peer_name() == "a.test");
  }
}

TEST_CASE("tls sites: exact beats the longest wildcard beats the fallback") {
  const auto exact = site_of("exact");
  const auto longer = site_of("longer");
  const auto shorter = site_of("shorter");
  const auto fallback = site_of("fallback");
  const auto sites = sites_of(
      {{{"*.a.test"}, shorter}, {{"x.b.a.test", "a.test"}, exact}, {{"*.b.a.test", "a.test"}, longer}}, fallback);
  const auto answered_by = [&](const std::string& name) {
    TlsPair pair(sites, {.server_name = name});
    REQUIRE(pair.connects());
    CHECK(pair.server->site() == sites->site_for(name));
    return pair.peer_name();
  };
  CHECK(answered_by("a.test") == "exact");
  CHECK(answered_by("x.b.a.test") == "exact");
  CHECK(answered_by("y.b.a.test") == "longer");
  CHECK(answered_by("y.z.b.a.test") == "longer");
  CHECK(answered_by("c.a.test") == "shorter");
  CHECK(answered_by("elsewhere.test") == "fallback");
  CHECK(answered_by("") == "fallback");
}

TEST_CASE("tls sites: without a fallback a name that nobody has is refused") {
  const auto sites = sites_of({{{"a.test"}, site_of("a.test")}});
  for (const char* name : {"b.test", ""}) {
    TlsPair pair(sites, {.server_name = name});
    CHECK(pair.shake() == Step::failed);
    CHECK(pair.client_error == 1000 + SSL_AD_UNRECOGNIZED_NAME);
    CHECK(pair.server->error().contains(*name ? "no site is called b.test" : "names no site"));
  }
}

TEST_CASE("tls sites: a name that cannot be a host's counts as none") {
  TlsPair pair(only(site_of("a.test")), {.server_name = "a\n<b>"});
  REQUIRE(pair.connects());
  CHECK(pair.server->server_name() == "");
}

TEST_CASE("tls sites: versions are each site's own") {
  const auto sites = sites_of(
      {{{"old.test"}, site_of("old.test", {.tls13 = false})}, {{"new.test"}, site_of("new.test", {.tls12 = false})}});
  TlsPair old(sites, {.server_name = "old.test"});
  REQUIRE(old.connects());
  CHECK(old.server->protocol() == "TLSv1.2");
  TlsPair fresh(sites, {.server_name = "new.test"});
  REQUIRE(fresh.connects());
  CHECK(fresh.server->protocol() == "TLSv1.3");
  TlsPair refused(sites, {.server_name = "new.test", .highest = TLS1_2_VERSION});
  CHECK(refused.shake() == Step::failed);
  CHECK(refused.server->error() == "unsupported protocol (TLS 1.2)");
  CHECK(refused.client_error == 1000 + SSL_AD_PROTOCOL_VERSION);
}

TEST_CASE("tls sites: TLS 1.0 and 1.1 are refused, and the log says which it was") {
  for (const auto& [version, name] : {std::pair{TLS1_VERSION, "TLS 1.0"}, {TLS1_1_VERSION, "TLS 1.1"}}) {
    TlsPair pair(only(site_of("a.test")), {.highest = version, .ciphers = "ALL:@SECLEVEL=0"});
    CHECK(pair.shake() == Step::failed);
    CHECK(pair.server->error() == std::string("unsupported protocol (") + name + ")");
  }
}

TEST_CASE("tls sites: a client without a good cipher is refused") {
  TlsPair pair(only(site_of("a.test")), {.highest = TLS1_2_VERSION, .ciphers = "AES128-SHA"});
  CHECK(pair.shake() == Step::failed);
  CHECK(pair.server->error() == "no shared cipher");
}

TEST_CASE("tls sites: a client that knows no elliptic curves is served by intermediate ciphers alone") {
  const auto presented = [](const std::string& ciphers) {
    std::vector<TlsCertificate> certificates;
    certificates.push_back(identity({.common_name = "rsa", .key = rsa_key()}).material());
    return only(*TlsContext::make({.ciphers = ciphers}, std::move(certificates)));
  };
  for (const char* const cipher :
       {"DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305"}) {
    CAPTURE(cipher);
    const ClientWishes old{.highest = TLS1_2_VERSION, .ciphers = cipher};
    TlsPair modern(presented("modern"), old);
    CHECK(modern.shake() == Step::failed);
    CHECK(modern.server->error() == "no shared cipher");
    TlsPair intermediate(presented("intermediate"), old);
    REQUIRE(intermediate.connects());
    CHECK(intermediate.server->cipher() == cipher);
    TlsPair listed(presented(cipher), old);
    REQUIRE(listed.connects());
    CHECK(listed.server->cipher() == cipher);
  }
  TlsPair newer(presented("intermediate"),
                {.highest = TLS1_2_VERSION, .ciphers = "DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"});
  REQUIRE(newer.connects());
  CHECK(newer.server->cipher() == "ECDHE-RSA-AES256-GCM-SHA384");
}

TEST_CASE("tls sites: our order of ciphers counts, for TLS 1.3 too") {
  TlsPair older(
      only(site_of("a.test")),
      {.highest = TLS1_2_VERSION,
       .ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"});
  REQUIRE(older.connects());
  CHECK(older.server->cipher() == "ECDHE-ECDSA-AES128-GCM-SHA256");
  for (const std::string ciphers : {"modern", "ECDHE+AESGCM"}) {
    TlsPair pair(only(site_of("a.test", {.ciphers = ciphers})), {});
    SSL_set_ciphersuites(pair.client.get(), "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256");
    REQUIRE(pair.connects());
    CHECK(pair.server->cipher() == "TLS_AES_128_GCM_SHA256");
  }
  TlsPair phone(only(site_of("a.test")), {});
  SSL_set_ciphersuites(phone.client.get(), "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
  REQUIRE(phone.connects());
  CHECK(phone.server->cipher() == "TLS_CHACHA20_POLY1305_SHA256");
}

TEST_CASE("tls sites: ChaCha20 that a client likes best is taken, but against a list that somebody wrote") {
  const ClientWishes wishes{.highest = TLS1_2_VERSION,
                            .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"};
  TlsPair modern(only(site_of("a.test")), wishes);
  REQUIRE(modern.connects());
  CHECK(modern.server->cipher() == "ECDHE-ECDSA-CHACHA20-POLY1305");
  const std::string own = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305";
  TlsPair ordered(only(site_of("a.test", {.ciphers = own})), wishes);
  REQUIRE(ordered.connects());
  CHECK(ordered.server->cipher() == "ECDHE-ECDSA-AES128-GCM-SHA256");
}

TEST_CASE("tls sites: of an ECDSA and an RSA certificate the client gets what it can use") {
  std::vector<TlsCertificate> both;
  both.push_back(identity({.common_name = "rsa", .key = rsa_key()}).material());
  both.push_back(identity({.common_name = "ecdsa"}).material());
  auto made = TlsContext::make({}, std::move(both));
  REQUIRE(made);
  TlsPair rsa(only(*made), {.highest = TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"});
  REQUIRE(rsa.connects());
  CHECK(rsa.peer_name() == "rsa");
  TlsPair ecdsa(only(*made), {.highest = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"});
  REQUIRE(ecdsa.connects());
  CHECK(ecdsa.peer_name() == "ecdsa");
}

TEST_CASE("tls sites: the application protocol is the address's choice") {
  const std::string both = "\x08http/1.1\x02h2";
  const auto chosen = [&](bool http2, const std::string& offered) {
    TlsPair pair(sites_of({}, site_of("a.test"), http2), {.alpn = offered});
    if (!pair.connects()) return "refused: " + pair.server->error();
    return std::string(pair.server->alpn());
  };
  CHECK(chosen(true, both) == "h2");
  CHECK(chosen(false, both) == "http/1.1");
  CHECK(chosen(true, "\x08http/1.1") == "http/1.1");
  CHECK(chosen(true, "") == "");
  CHECK(chosen(false, "\x02h2") == "refused: no shared application protocol (ALPN)");
  CHECK(chosen(true, "\x04smtp") == "refused: no shared application protocol (ALPN)");
}

TEST_CASE("tls sites: an OCSP answer is stapled when asked for, and may change") {
  const auto stapled = [](const std::shared_ptr<const TlsContext>& site, bool asks) {
    TlsPair pair(only(site), {.asks_for_ocsp = asks});
    REQUIRE(pair.connects());
    unsigned char* bytes = nullptr;
    const long size = SSL_get_tlsext_status_ocsp_resp(pair.client.get(), static_cast<void*>(&bytes));
    return size > 0 ? std::string(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size)) : std::string();
  };
  std::vector<TlsCertificate> both;
  both.push_back(identity({.common_name = "rsa", .key = rsa_key()}).material("of rsa"));
  both.push_back(identity({.common_name = "ecdsa"}).material("of ecdsa"));
  const auto made = TlsContext::make({}, std::move(both));
  REQUIRE(made);
  CHECK(stapled(*made, true) == "of ecdsa");
  CHECK(stapled(*made, false) == "");
  (*made)->staple(1, "newer");
  (*made)->staple(2, "of nothing");
  CHECK(stapled(*made, true) == "newer");
  (*made)->staple(1, "");
  CHECK(stapled(*made, true) == "");
}
