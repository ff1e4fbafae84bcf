// TlsStream against clients that speak something else, break the rules, or ask for what is not to be had.
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

using Step = TlsStream::Step;

namespace {

struct Raw : TlsPair {
  Raw() : TlsPair(only(site_of("a.test"))) {}
  Step hears(std::string_view bytes) {
    REQUIRE(send(far.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    return server->handshake();
  }
  std::string answer() {
    char bytes[1000];
    const ssize_t got = recv(far.get(), bytes, sizeof bytes, 0);
    return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : "";
  }
};

}  // namespace

TEST_CASE("tls hostile: plain HTTP is told from TLS, and nothing is sent") {
  for (const char* text : {"GET / HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "g",
                           "CONNECT a.test:443 HTTP/1.1\r\n"}) {
    Raw pair;
    CHECK(pair.hears(text) == Step::not_tls);
    CHECK(pair.answer() == "");
  }
}

TEST_CASE("tls hostile: garbage fails with an alert and a reason") {
  for (const std::string& bytes :
       {std::string("\x16\x03\x01\xff\xff garbage"), std::string("\0\0\0\0\0\0", 6),
        std::string("\x80\x2e\x01\x03\x01"), std::string("\x17\x03\x03\0\x05hello", 10),
        std::string("\x15\x03\x01\0\x02\x02\x28", 7), std::string("\x16\x03\x01\0\x05\x01\0\0\x01\0", 10)}) {
    Raw pair;
    const Step step = pair.hears(bytes);
    if (step == Step::wants_read) shutdown(pair.far.get(), SHUT_WR);
    CHECK((step == Step::failed || pair.server->handshake() == Step::failed));
    CHECK(pair.server->error() != "");
    CHECK(pair.server->error() != "unknown error");
    CHECK(pair.server->handshake() == Step::failed);
    char byte;
    CHECK(pair.server->read(&byte, 1) == TlsStream::kBroken);
    CHECK(pair.server->write("answer") == -1);
  }
}

TEST_CASE("tls hostile: a client that leaves in the middle of the handshake") {
  Raw silent;
  shutdown(silent.far.get(), SHUT_WR);
  CHECK(silent.server->handshake() == Step::failed);
  CHECK(silent.server->error() == "the client left during the handshake");
  Raw half;
  CHECK(half.server->handshake() == Step::wants_read);
  CHECK(SSL_do_handshake(half.client.get()) != 1);
  CHECK(half.server->handshake() == Step::wants_read);
  half.far.reset();
  CHECK(half.server->handshake() == Step::failed);
  CHECK(half.server->error() != "");
}

TEST_CASE("tls hostile: a client that refuses us says why") {
  TlsPair pair(only(site_of("a.test")));
  SSL_set_verify(pair.client.get(), SSL_VERIFY_PEER, nullptr);
  CHECK(pair.shake() == Step::failed);
  CHECK(pair.server->error() == "the client refused: unknown CA");
}

TEST_CASE("tls hostile: a broken record ends the connection") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPair pair(only(site_of("a.test")), {.highest = version});
    REQUIRE(pair.connects());
    const std::string record("\x17\x03\x03\0\x20 this was never encrypted by us ", 37);
    REQUIRE(send(pair.far.get(), record.data(), record.size(), 0) == 37);
    char byte;
    CHECK(pair.server->read(&byte, 1) == TlsStream::kBroken);
    CHECK(pair.server->error() == "decryption failed or bad record mac");
    pair.hear();
    CHECK(!pair.heard_end);
  }
}

TEST_CASE("tls hostile: renegotiation is refused, and the session goes on") {
  TlsPair pair(only(site_of("a.test")), {.highest = TLS1_2_VERSION});
  REQUIRE(pair.connects());
  REQUIRE(SSL_renegotiate(pair.client.get()) == 1);
  SSL_do_handshake(pair.client.get());
  char byte;
  CHECK(pair.server->read(&byte, 1) == TlsStream::kNothingNow);
  CHECK(SSL_do_handshake(pair.client.get()) != 1);
  CHECK(ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_NO_RENEGOTIATION);
  ERR_clear_error();
  CHECK(pair.server->write("still here") == 10);
}

TEST_CASE("tls hostile: early data is not offered, and refused where it is sent all the same") {
  const auto sites = only(site_of("a.test"));
  TlsPair first(sites);
  REQUIRE(first.connects());
  first.hear();
  REQUIRE(first.session);
  CHECK(SSL_SESSION_get_max_early_data(first.session.get()) == 0);
  SSL_SESSION_set_max_early_data(first.session.get(), 1000);
  TlsPair second(sites, {.session = first.session.get()});
  std::size_t written = 0;
  REQUIRE(SSL_write_early_data(second.client.get(), "replay me", 9, &written) == 1);
  REQUIRE(second.connects());
  CHECK(second.server->resumed());
  CHECK(SSL_get_early_data_status(second.client.get()) == SSL_EARLY_DATA_REJECTED);
  CHECK(second.take() == "");
  second.say("in due time");
  CHECK(second.take() == "in due time");
}

TEST_CASE("tls hostile: messages without content do not keep the loop") {
  TlsPair pair(only(site_of("a.test")));
  REQUIRE(pair.connects());
  BIO* const gathered = BIO_new(BIO_s_mem());
  SSL_set0_wbio(pair.client.get(), gathered);
  for (int update = 0; update < 6000; ++update) {
    SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    REQUIRE(SSL_do_handshake(pair.client.get()) == 1);
  }
  char* updates = nullptr;
  const long size = BIO_get_mem_data(gathered, &updates);
  REQUIRE(send(pair.far.get(), updates, static_cast<std::size_t>(size), 0) > 100'000);
  char byte;
  CHECK(pair.server->read(&byte, 1) == TlsStream::kNothingNow);
  int waiting = 0;
  REQUIRE(ioctl(pair.near.get(), FIONREAD, &waiting) == 0);
  CHECK(waiting > 0);  // so the loop comes back
}

TEST_CASE("tls hostile: who makes us answer and does not read is cut off") {
  TlsPair pair(only(site_of("a.test")));
  REQUIRE(pair.connects());
  std::string fill(TlsOutput::kRecord, 'x');
  std::ptrdiff_t taken = 1;
  for (int turn = 0; turn < 1000 && taken > 0; ++turn) taken = pair.server->write(fill);
  REQUIRE(pair.server->has_unsent());
  // Each asks for a change of keys, which is answered behind what waits.
  std::ptrdiff_t got = TlsStream::kNothingNow;
  char byte;
  for (int turn = 0; turn < 20'000 && got == TlsStream::kNothingNow; ++turn) {
    SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(pair.client.get());
    pair.say("x");
    for (got = pair.server->read(&byte, 1); got == 1;) got = pair.server->read(&byte, 1);
  }
  CHECK(got == TlsStream::kBroken);
  CHECK(pair.server->error().contains("does not read"));
}
