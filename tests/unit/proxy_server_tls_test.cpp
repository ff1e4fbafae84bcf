// ServerConnection over TLS: whom it trusts, what it shows, what it resumes, and the same exchanges as without.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <ctime>
#include <optional>
#include <string>
#include <utility>

#include "proxy/idle_connections.h"
#include "support/far_server.h"
#include "support/temporary_directory.h"
#include "support/tls_client.h"

using namespace edge;
using namespace edge::test;

namespace {

using Sent = ServerConnection::Sent;

struct Authorities {
  Identity trusted = identity({.common_name = "authority", .authority = true});
  Identity stranger = identity({.common_name = "stranger", .authority = true});
  TemporaryDirectory folder;
  std::string ca = folder.write("ca.pem", trusted.pem()).string();

  std::shared_ptr<const TlsClientContext> client(TlsClientSettings settings = {}) const {
    if (settings.ca.empty()) settings.ca = ca;
    CertificateCheck check;
    auto made = TlsClientContext::make(settings, std::time(nullptr), check);
    if (!made) throw std::runtime_error(made.error().context);
    return *made;
  }
  Identity named(const std::string& names, long valid_for = 3600) const {
    return identity({.common_name = "server", .names = names, .signer = &trusted, .valid_for = valid_for});
  }
};

std::shared_ptr<const TlsSites> server_of(const Identity& identity, const TlsSettings& settings = {}) {
  std::vector<TlsCertificate> certificates;
  certificates.push_back(identity.material());
  auto made = TlsContext::make(settings, std::move(certificates));
  if (!made) throw std::runtime_error(made.error().context);
  return only(*made);
}

/// A client and a server that speak TLS, or try to.
struct SecurePair {
  SecurePair(std::shared_ptr<const TlsSites> sites, std::shared_ptr<const TlsClientContext> context,
             const std::string& name = "api.test")
      : sites_(std::move(sites)) {
    server.endpoint.tls = std::move(context);
    server.endpoint.server_name = name;
    connect();
  }
  void connect() {
    near.reset();
    tls.reset();
    far.reset();
    auto made = finish(loop, ServerConnection::connect(loop, server.endpoint, kLong, cancellation), [this] { step(); });
    if (made) near = std::move(*made);
    if (!made) error = made.error();
    for (step(); near && tls->under_way() && comes(far->fd());) step();
  }
  void step() {
    if (!far && server.has_client()) {
      far.emplace(server.accept());
      tls.emplace(*far, sites_);
    }
    if (tls) tls->step();
  }
  std::string receive(std::size_t size = 100'000, Milliseconds timeout = kLong) {
    std::string bytes(size, '\0');
    auto got = finish(loop, near->receive(bytes.data(), size, timeout, cancellation));
    if (!got) return "!" + (error = got.error()).context;
    return bytes.substr(0, *got);
  }
  Result<ServerConnection::SendProgress> send(std::string_view bytes, const std::function<void()>& meanwhile = [] {}) {
    return finish(loop, near->send(bytes, {}, {}, kLong, cancellation), meanwhile);
  }

  Loop loop{0};
  FarServer server;
  Cancellation cancellation;
  Error error;  // of what failed
  ServerConnection::Pointer near;
  std::optional<FarEnd> far;
  std::optional<FarTls> tls;

 private:
  std::shared_ptr<const TlsSites> sites_;
};

/// Why the client does not take the server; empty when it does.
std::string refusal(SecurePair&& pair) {
  if (pair.near) return {};
  CHECK(pair.error.kind == ErrorKind::bad_gateway);
  CHECK(pair.error.side == Side::upstream);
  CHECK(pair.error.retryable);
  const std::string where = pair.server.endpoint.text() + ": ";
  CHECK(pair.error.context.starts_with(where));
  return pair.error.context.substr(where.size());
}

}  // namespace

TEST_CASE("server over tls: a trusted server with the right name, in both versions") {
  const Authorities authorities;
  const Identity identity = authorities.named("DNS:api.test");
  for (const bool newest : {false, true}) {
    SecurePair pair(server_of(identity, {.tls12 = !newest, .tls13 = newest}), authorities.client());
    REQUIRE(pair.near);
    CHECK(pair.tls->stream().protocol() == (newest ? "TLSv1.3" : "TLSv1.2"));
    CHECK(pair.tls->stream().server_name() == "api.test");
    CHECK(pair.tls->stream().alpn() == "http/1.1");
    auto sent = finish(pair.loop, pair.near->send("one ", "two ", "three", kLong, pair.cancellation));
    REQUIRE(sent);
    CHECK(sent->taken == 13);
    CHECK(pair.tls->hear(13) == "one two three");
    CHECK(pair.tls->stream().write("answer") == 6);
    CHECK(pair.receive() == "answer");
    CHECK(pair.near->bytes().received == 6);
    pair.tls->stream().end();
    CHECK(pair.receive() == "");
    CHECK(!pair.near->truncated());
  }
}

TEST_CASE("server over tls: whom it does not trust") {
  const Authorities authorities;
  const auto client = authorities.client();
  CHECK(refusal(SecurePair(server_of(authorities.named("DNS:other.test")), client)) ==
        "TLS failed: its certificate is not for api.test; set server_name to a name that it is for");
  CHECK(refusal(SecurePair(server_of(authorities.named("")), client)) ==
        "TLS failed: its certificate is not for api.test; set server_name to a name that it is for");
  CHECK(refusal(SecurePair(server_of(authorities.named("DNS:api.test", -60)), client)) ==
        "TLS failed: its certificate is refused: certificate has expired");
  const Identity foreign =
      identity({.common_name = "server", .names = "DNS:api.test", .signer = &authorities.stranger});
  CHECK(refusal(SecurePair(server_of(foreign), client)) ==
        "TLS failed: nobody who is trusted vouches for its certificate (unable to get local issuer certificate); name "
        "its authority's file in ca");
  const Identity own = identity({.common_name = "server", .names = "DNS:api.test"});
  CHECK(refusal(SecurePair(server_of(own), client)).starts_with("TLS failed: nobody who is trusted vouches"));
  CHECK(refusal(SecurePair(server_of(own), authorities.client({.verify = false}))) == "");
  const std::string pinned = authorities.folder.write("own.pem", own.pem()).string();
  CHECK(refusal(SecurePair(server_of(own), authorities.client({.ca = pinned}))) == "");
}

TEST_CASE("server over tls: a server that is known by its address") {
  const Authorities authorities;
  const auto client = authorities.client();
  SecurePair unnamed(server_of(authorities.named("IP:127.0.0.1")), client, "");
  REQUIRE(unnamed.near);
  CHECK(unnamed.tls->stream().server_name() == "");  // SNI is for names alone
  CHECK(refusal(SecurePair(server_of(authorities.named("IP:127.0.0.2")), client, "127.0.0.1")) ==
        "TLS failed: its certificate is not for 127.0.0.1; set server_name to a name that it is for");
  CHECK(refusal(SecurePair(server_of(authorities.named("DNS:127.0.0.1")), client, "127.0.0.1")) != "");
}

TEST_CASE("server over tls: the certificate that edge shows") {
  const Authorities authorities;
  const Identity identity_of_edge = identity({.common_name = "edge", .signer = &authorities.trusted});
  const std::string shown = authorities.folder.write("edge.pem", identity_of_edge.pem()).string();
  BIO* const text = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PrivateKey(text, identity_of_edge.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text, &bytes);
  const std::string key =
      authorities.folder.write("edge.key", std::string(bytes, static_cast<std::size_t>(size))).string();
  BIO_free(text);
  const auto asks = server_of(authorities.named("DNS:api.test"),
                              {.client_ca = authorities.ca, .client_verify = ClientVerify::required});
  SecurePair known(asks, authorities.client({.certificate = shown, .key = key}));
  REQUIRE(known.near);
  REQUIRE(known.tls->agreed());
  CHECK(known.tls->stream().client_certificate().subject() == "CN=edge");
  SecurePair unknown(asks, authorities.client());  // in TLS 1.3 it hears only after its own end of the handshake
  REQUIRE(unknown.near);
  CHECK(unknown.receive() == "!" + unknown.server.endpoint.text() + ": the server refused: certificate required");
  CHECK(unknown.error.kind == ErrorKind::bad_gateway);
}

TEST_CASE("server over tls: sessions are resumed where name and address are the same") {
  const Authorities authorities;
  const Identity identity = authorities.named("DNS:api.test,DNS:other.test");
  for (const bool newest : {false, true}) {
    const auto client = authorities.client();
    SecurePair pair(server_of(identity, {.tls12 = !newest, .tls13 = newest}), client);
    for (const bool resumed : {false, true, true}) {
      REQUIRE(pair.near);
      CHECK(pair.tls->stream().resumed() == resumed);
      CHECK(pair.tls->stream().write("hello") == 5);
      CHECK(pair.receive() == "hello");  // and the session with it
      pair.connect();
    }
    pair.server.endpoint.server_name = "other.test";
    pair.connect();
    CHECK(!pair.tls->stream().resumed());
    SecurePair elsewhere(server_of(identity), client);
    REQUIRE(elsewhere.near);
    CHECK(!elsewhere.tls->stream().resumed());
  }
}

TEST_CASE("server over tls: a server without TLS, one that leaves, one that says nothing") {
  const Authorities authorities;
  const auto against = [&](const std::function<void(FarEnd&)>& what, Milliseconds timeout, bool cancels = false) {
    FarServer server;
    server.endpoint.tls = authorities.client();
    server.endpoint.server_name = "api.test";
    Loop loop{0};
    Cancellation cancellation;
    std::optional<FarEnd> far;
    auto made = finish(loop, ServerConnection::connect(loop, server.endpoint, timeout, cancellation), [&] {
      if (far && cancels) cancellation.request();
      if (far || !server.has_client()) return;
      far.emplace(server.accept());
      what(*far);
    });
    REQUIRE(!made);
    return made.error();
  };
  const Error plain = against([](FarEnd& far) { far.say("HTTP/1.1 400 Bad Request\r\n\r\n"); }, kLong);
  CHECK(plain.kind == ErrorKind::bad_gateway);
  CHECK(plain.context.ends_with("it does not speak TLS; is it http://?"));
  CHECK(plain.retryable);
  const Error left = against([](FarEnd& far) { far.end_sending(); }, kLong);
  CHECK(left.context.ends_with("TLS failed: the server left during the handshake"));
  const Error mute = against([](FarEnd&) {}, kSoon);
  CHECK(mute.kind == ErrorKind::timed_out);
  CHECK(mute.retryable);
  CHECK(mute.context.ends_with("TLS was not agreed on within connect_timeout"));
  const Error cancelled = against([](FarEnd&) {}, kLong, true);
  CHECK(cancelled.kind == ErrorKind::closed);
  CHECK(cancelled.side == Side::client);
}

TEST_CASE("server over tls: a unix socket needs a name") {
  const Authorities authorities;
  const TemporaryDirectory folder;
  FarServer server((folder / "socket").string());
  server.endpoint.tls = authorities.client();
  Loop loop{0};
  Cancellation cancellation;
  auto made = finish(loop, ServerConnection::connect(loop, server.endpoint, kLong, cancellation));
  REQUIRE(!made);
  CHECK(made.error().context.ends_with("TLS over a unix socket needs server_name"));
}

TEST_CASE("server over tls: ten megabytes, a file, and an early answer in the midst of them") {
  const Authorities authorities;
  const TemporaryDirectory folder;
  const std::string text(10 << 20, 'x');
  const UniqueFd file(::open(folder.write("content", text).c_str(), O_RDONLY | O_CLOEXEC));
  SecurePair pair(server_of(authorities.named("DNS:api.test")), authorities.client());
  REQUIRE(pair.near);
  std::size_t heard = 0;
  auto sent = pair.send(text, [&] { heard += pair.tls->hear().size(); });  // the session that came is no answer
  REQUIRE(sent);
  CHECK(sent->sent == Sent::all);
  CHECK(heard + pair.tls->hear(text.size() - heard).size() == text.size());
  heard = 0;
  sent = finish(pair.loop, pair.near->send_file(file.get(), 5, text.size() - 5, kLong, pair.cancellation),
                [&] { heard += pair.tls->hear().size(); });
  REQUIRE(sent);
  CHECK(sent->taken == text.size() - 5);
  CHECK(heard + pair.tls->hear(text.size() - 5 - heard).size() == text.size() - 5);

  CHECK(pair.tls->stream().write("HTTP/1.1 413 ") == 13);
  sent = pair.send(text);
  REQUIRE(sent);
  CHECK(sent->sent == Sent::answered);
  CHECK(sent->taken < text.size());
  pair.far->leave();
  sent = pair.send(text);
  REQUIRE(sent);
  CHECK(sent->sent == Sent::answered);
  CHECK(pair.receive() == "HTTP/1.1 413 ");
  const std::string end = pair.receive();
  CHECK((end.empty() || end.starts_with('!')));
}

TEST_CASE("server over tls: something of a call that failed may be there, and nothing where none left") {
  const Authorities authorities;
  const TemporaryDirectory folder;
  const std::string text(8 << 20, 'x');  // more than the kernel takes
  const UniqueFd file(::open(folder.write("content", text).c_str(), O_RDONLY | O_CLOEXEC));
  using Sending = std::function<Task<Result<ServerConnection::SendProgress>>(SecurePair&)>;
  const Sending from_memory = [&text](SecurePair& pair) {
    return pair.near->send("head", text, {}, kLong, pair.cancellation);
  };
  const Sending from_file = [&](SecurePair& pair) {
    return pair.near->send_file(file.get(), 0, text.size(), kLong, pair.cancellation);
  };
  for (const Sending& sending : {from_memory, from_file}) {
    for (const bool is_reset_before : {false, true}) {
      SecurePair pair(server_of(authorities.named("DNS:api.test")), authorities.client());
      REQUIRE(pair.near);
      CHECK(!pair.near->has_sent());  // the handshake is no part of the request
      if (is_reset_before) {
        pair.far->reset();
        pollfd reset{pair.near->fd(), 0, 0};
        REQUIRE(::poll(&reset, 1, static_cast<int>(kLong.count())) == 1);
      } else {
        pair.far->leave();  // what comes then is answered with a reset
      }
      const auto sent = finish(pair.loop, sending(pair));
      REQUIRE(sent);
      CHECK(sent->sent == Sent::answered);
      CHECK(pair.near->has_sent() == !is_reset_before);
      std::string heard = pair.receive();
      if (heard.empty()) continue;  // it left in order before it reset
      CHECK(heard.starts_with('!'));
      CHECK(pair.error.retryable == is_reset_before);
    }
  }
}

TEST_CASE("server over tls: an end without TLS's own is told, and what is inside already is received") {
  const Authorities authorities;
  SecurePair pair(server_of(authorities.named("DNS:api.test")), authorities.client());
  REQUIRE(pair.near);
  CHECK(pair.tls->stream().write("0123456789") == 10);
  CHECK(pair.receive(4) == "0123");
  CHECK(pair.near->has_arrived());
  CHECK(pair.receive(100) == "456789");
  pair.far->leave();
  CHECK(pair.receive() == "");
  CHECK(pair.near->truncated());
}

TEST_CASE("server over tls: an observer is told of what lies inside TLS") {
  struct Reader final : ServerConnection::Observer {
    void on_server_readable(ServerConnection& connection) override {
      char bytes[3];
      const std::ptrdiff_t got = connection.receive_now(bytes, sizeof bytes);
      if (got > 0) heard.append(bytes, static_cast<std::size_t>(got));
    }
    void on_server_writable(ServerConnection&) override {}
    void on_server_deadline(ServerConnection&) override {}
    std::string heard;
  } reader;
  const Authorities authorities;
  SecurePair pair(server_of(authorities.named("DNS:api.test")), authorities.client());
  REQUIRE(pair.near);
  CHECK(pair.tls->stream().write("0123456789") == 10);
  CHECK(pair.receive(2) == "01");
  pair.near->observe(&reader);
  pair.near->want_events(true, false);
  for (int turn = 0; turn < 10; ++turn) uv_run(pair.loop.uv(), UV_RUN_NOWAIT);
  CHECK(reader.heard == "23456789");
  pair.near->observe(nullptr);
}

TEST_CASE("server over tls: an idle connection is none the worse for a session that comes late") {
  const Authorities authorities;
  SecurePair pair(server_of(authorities.named("DNS:api.test")), authorities.client());
  REQUIRE(pair.near);
  IdleConnections idle(4, kLong);
  idle.put(std::move(pair.near));  // TLS 1.3 gives sessions after the handshake, and nothing has been read since
  for (int turn = 0; turn < 10; ++turn) uv_run(pair.loop.uv(), UV_RUN_NOWAIT);
  CHECK(idle.size() == 1);
  pair.near = idle.take();
  REQUIRE(pair.near);
  REQUIRE(pair.send("request"));
  CHECK(pair.tls->hear(7) == "request");
  const int near = pair.near->fd();
  idle.put(std::move(pair.near));
  pair.tls->stream().end();
  REQUIRE(comes(near));
  CHECK(!idle.take());
}
