// The PROXY protocol: what each version tells, at every split point, and what is no header.
#include "core/net/proxy_protocol.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

using namespace edge;
using Step = ProxyHeader::Step;

namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

/// A version 2 header: command byte, family byte, and what follows the length.
std::string binary(std::uint8_t command, std::uint8_t family, std::string_view payload) {
  std::string header = kSignature;
  header += static_cast<char>(command);
  header += static_cast<char>(family);
  header += static_cast<char>(payload.size() >> 8U);
  header += static_cast<char>(payload.size() & 0xffU);
  return header.append(payload);
}

std::string tlv(std::uint8_t type, std::string_view value) {
  std::string text(1, static_cast<char>(type));
  text += static_cast<char>(value.size() >> 8U);
  text += static_cast<char>(value.size() & 0xffU);
  return text.append(value);
}

/// 203.0.113.7:50001 to 192.0.2.1:443.
const std::string kIpv4Ends("\xcb\x00\x71\x07\xc0\x00\x02\x01\xc3\x51\x01\xbb", 12);
/// [2001:db8::7]:50001 to [2001:db8::1]:443.
const std::string kIpv6Ends(
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xc3\x51\x01\xbb", 36);

/// Reads `header` with a request behind it, after it was seen byte by byte that nothing less is enough.
ProxyHeader read(const std::string& header) {
  const std::string bytes = header + "GET / HTTP/1.1\r\n";
  for (std::size_t size = 0; size < header.size(); ++size) {
    CAPTURE(size);
    REQUIRE(read_proxy_header(bytes.substr(0, size)).step == Step::need_more);
  }
  CHECK(read_proxy_header(header).step == Step::complete);
  const ProxyHeader result = read_proxy_header(bytes);
  REQUIRE(result.step == Step::complete);
  CHECK(result.consumed == header.size());
  return result;
}

void check_ends(const std::string& header, std::string_view source, std::string_view destination) {
  CAPTURE(header);
  const ProxyHeader result = read(header);
  CHECK(result.tells_client);
  CHECK(result.source.text() == source);
  CHECK(result.destination.text() == destination);
}

void check_keeps_socket(const std::string& header) {
  CAPTURE(header);
  const ProxyHeader result = read(header);
  CHECK_FALSE(result.tells_client);
  CHECK(result.source == Address{});
}

std::string why_not(std::string_view bytes) {
  const ProxyHeader result = read_proxy_header(bytes);
  return result.step == Step::malformed ? std::string(result.why) : "not refused";
}

}  // namespace

TEST_CASE("PROXY protocol 1: both ends of TCP over IPv4 and IPv6") {
  check_ends("PROXY TCP4 203.0.113.7 192.0.2.1 50001 443\r\n", "203.0.113.7:50001", "192.0.2.1:443");
  check_ends("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535",
             "255.255.255.255:65535");
  check_ends("PROXY TCP6 2001:db8::7 ::1 0 443\r\n", "[2001:db8::7]:0", "[::1]:443");
  check_ends("PROXY TCP6 ::ffff:203.0.113.7 ::1 50001 443\r\n", "203.0.113.7:50001", "[::1]:443");
}

TEST_CASE("PROXY protocol 1: an unknown connection keeps the socket's ends, whatever else the line says") {
  check_keeps_socket("PROXY UNKNOWN\r\n");
  check_keeps_socket("PROXY UNKNOWN ffff::1 anything 1 2 3 4\r\n");
  check_keeps_socket("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n");  // 107 bytes
}

TEST_CASE("PROXY protocol 1: a line that is too long, or ends otherwise") {
  CHECK(why_not("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n").contains("longer than 107"));
  CHECK(why_not("PROXY TCP4 " + std::string(4096, '1')).contains("longer than 107"));
  CHECK(why_not("PROXY UNKNOWN\n").contains("CRLF"));
  CHECK(why_not("PROXY UNKNOWN\rX").contains("CRLF"));
  CHECK(why_not("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\nGET / HTTP/1.1\r\n").contains("CRLF"));
}

TEST_CASE("PROXY protocol 1: a line that does not tell two ends") {
  for (const char* rest : {"TCP4",
                           "TCP4 1.2.3.4",
                           "TCP4 1.2.3.4 1.2.3.4 1",
                           "TCP4 1.2.3.4 1.2.3.4 1 2 3",
                           "TCP4 1.2.3.4 1.2.3.4 1 2 ",
                           "TCP4  1.2.3.4 1.2.3.4 1 2",
                           " TCP4 1.2.3.4 1.2.3.4 1 2",
                           "TCP4 ::1 1.2.3.4 1 2",
                           "TCP4 1.2.3.4 ::1 1 2",
                           "TCP6 1.2.3.4 ::1 1 2",
                           "TCP4 1.2.3 1.2.3.4 1 2",
                           "TCP4 1.2.3.4 1.2.3.256 1 2",
                           "TCP4 1.2.3.4 1.2.3.4 65536 2",
                           "TCP4 1.2.3.4 1.2.3.4 1 -2",
                           "TCP4 1.2.3.4 1.2.3.4 01 2",
                           "TCP4 1.2.3.4 1.2.3.4 1 00",
                           "TCP4 1.2.3.4 1.2.3.4 +1 2",
                           "TCP4 1.2.3.4 1.2.3.4 1 2x",
                           "TCP6 [::1] [::1] 1 2",
                           "TCP4 1.2.3.4\t1.2.3.4 1 2",
                           "tcp4 1.2.3.4 1.2.3.4 1 2",
                           "UDP4 1.2.3.4 1.2.3.4 1 2",
                           "UNKNOWNX",
                           ""}) {
    CAPTURE(rest);
    CHECK(why_not(std::string("PROXY ").append(rest).append("\r\n")).contains("two addresses and two ports"));
  }
}

TEST_CASE("PROXY protocol 2: both ends of TCP over IPv4 and IPv6") {
  check_ends(binary(0x21, 0x11, kIpv4Ends), "203.0.113.7:50001", "192.0.2.1:443");
  check_ends(binary(0x21, 0x21, kIpv6Ends), "[2001:db8::7]:50001", "[2001:db8::1]:443");
  const std::string mapped = std::string(10, '\0') + "\xff\xff\xcb" + std::string(1, '\0') + "\x71\x07";
  check_ends(binary(0x21, 0x21, mapped + kIpv6Ends.substr(16)), "203.0.113.7:50001", "[2001:db8::1]:443");
}

TEST_CASE("PROXY protocol 2: further facts are skipped") {
  const std::string facts = tlv(0x01, "h2") + tlv(0x04, "") + tlv(0xea, std::string(300, 'x'));
  check_ends(binary(0x21, 0x11, kIpv4Ends + facts), "203.0.113.7:50001", "192.0.2.1:443");
  const std::string most(kMostProxyHeader - 16 - kIpv6Ends.size() - 3, 'x');
  check_ends(binary(0x21, 0x21, kIpv6Ends + tlv(0x04, most)), "[2001:db8::7]:50001", "[2001:db8::1]:443");
}

TEST_CASE("PROXY protocol 2: what is no TCP client keeps the socket's ends") {
  check_keeps_socket(binary(0x20, 0x00, ""));          // LOCAL
  check_keeps_socket(binary(0x20, 0xff, "anything"));  // LOCAL: the rest means nothing
  check_keeps_socket(binary(0x20, 0x11, kIpv4Ends));   // LOCAL with addresses
  check_keeps_socket(binary(0x21, 0x00, "anything"));  // unspecified
  check_keeps_socket(binary(0x21, 0x12, kIpv4Ends));   // datagrams
  check_keeps_socket(binary(0x21, 0x22, kIpv6Ends));
  check_keeps_socket(binary(0x21, 0x10, kIpv4Ends));              // no protocol
  check_keeps_socket(binary(0x21, 0x31, std::string(216, 'u')));  // a unix socket
}

TEST_CASE("PROXY protocol 2: hostile heads are known as soon as they are seen") {
  CHECK(why_not(kSignature + "\x11").contains("version"));
  CHECK(why_not(kSignature + "\x31").contains("version"));
  CHECK(why_not(kSignature + "\x22").contains("command"));
  CHECK(why_not(kSignature + "\x21\x41").contains("family"));
  CHECK(why_not(kSignature + "\x21\x13").contains("family"));
  CHECK(why_not(kSignature + "\x21\x11\xff\xff").contains("longer than 4 KiB"));
  CHECK(why_not(kSignature + "\x20\x11\x10\x01").contains("longer than 4 KiB"));
  CHECK(why_not(binary(0x21, 0x11, kIpv4Ends.substr(1))).contains("too short"));
  CHECK(why_not(binary(0x21, 0x21, kIpv4Ends)).contains("too short"));
  CHECK(why_not(binary(0x21, 0x31, kIpv6Ends)).contains("too short"));
  for (const std::string& facts : {std::string("x"), tlv(1, "h2").substr(0, 4), tlv(1, "h2") + "\x01\xff\xff"}) {
    CAPTURE(facts);
    CHECK(why_not(binary(0x21, 0x11, kIpv4Ends + facts)).contains("points past its end"));
  }
}

TEST_CASE("PROXY protocol: another protocol is known by its first byte that differs") {
  CHECK(read_proxy_header("").step == Step::need_more);
  for (const char* bytes : {"G", "PO", "PROXX", "PROXY\t", "proxy", "\r\nX", "\x16\x03\x01"}) {
    CAPTURE(bytes);
    CHECK(why_not(bytes) == "the connection does not begin with a PROXY header");
  }
  CHECK(why_not(std::string("\r\n\r\n\0\r\nQUIT\r", 12)) == "the connection does not begin with a PROXY header");
}
