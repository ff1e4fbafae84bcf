// Looking up hosts: what is found, what is not, and a look-up that does not end.
#include "core/net/host_addresses.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>

#include <atomic>

#include "core/net/tls_ocsp_fetch.h"

using namespace edge;

namespace {

std::atomic<bool> name_server_answers = false;

/// As getaddrinfo() where no name server answers.
int waits(const char*, const char*, const addrinfo*, addrinfo**) {
  name_server_answers.wait(false);
  return EAI_AGAIN;
}

/// Threads that wait end with it.
struct SilentNameServer {
  SilentNameServer() { name_server_answers = false; }
  ~SilentNameServer() {
    name_server_answers = true;
    name_server_answers.notify_all();
  }
};

bool never() {
  return false;
}

}  // namespace

TEST_CASE("host addresses: an address is its own, with the port") {
  const Result<HostAddresses> found = look_up_host("127.0.0.1", "80", never);
  REQUIRE(found);
  REQUIRE(*found);
  const auto* address = reinterpret_cast<const sockaddr_in*>((*found)->ai_addr);
  CHECK(address->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
  CHECK(address->sin_port == htons(80));
}

TEST_CASE("host addresses: what is no name is told") {
  const Result<HostAddresses> found = look_up_host("no name", "80", never);
  REQUIRE_FALSE(found);
  CHECK(found.error().context.starts_with("cannot be looked up: "));
}

TEST_CASE("host addresses: a look-up that does not end is left alone") {
  const SilentNameServer silent;
  int asked = 0;
  const Result<HostAddresses> found = look_up_host("example.test", "80", [&asked] { return ++asked == 2; }, waits);
  REQUIRE(found);
  CHECK(*found == nullptr);
}

TEST_CASE("host addresses: an OCSP responder whose name is being looked up keeps nobody waiting") {
  const SilentNameServer silent;
  const std::string address = "http://ocsp.example.test/";
  const std::atomic<bool> unwanted = true;
  const std::atomic<bool> wanted = false;
  CHECK(fetch_ocsp(address, "", unwanted, kOcspPatience, waits).error().context ==
        "the OCSP responder " + address + " is no longer needed");
  CHECK(fetch_ocsp(address, "", wanted, Milliseconds(60), waits).error().context ==
        "the OCSP responder " + address + " did not answer in time");
}
