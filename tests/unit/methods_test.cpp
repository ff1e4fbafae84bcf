// The methods that HTTP/1 and HTTP/2 take, which are the same.
#include <doctest/doctest.h>

#include <string>

#include "support/captured_log.h"
#include "unit/h1_wire.h"
#include "unit/h2_wire.h"

using namespace edge;
using namespace edge::h1_test;
using namespace edge::test;

TEST_CASE("methods: both doors take the same, and refuse others with 501") {
  CapturedLog log;
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND",
                                   "M-SEARCH", "PURGE", "LINK", "SOURCE"}) {
    CAPTURE(method);
    Wire h1;
    h1.send(method + " / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(h1.received().starts_with("HTTP/1.1 200 "));
    h2_test::H2Wire h2;
    CHECK(h2.ask(method, "/").status() == 200);
  }
  for (const std::string method : {"get", "Get", "BREW", "GETS", "GE", "X-1"}) {
    CAPTURE(method);
    Wire h1;
    h1.send(method + " / HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(h1.received().starts_with("HTTP/1.1 501 "));
    h2_test::H2Wire h2;
    CHECK(h2.ask(method, "/").status() == 501);
  }
}
