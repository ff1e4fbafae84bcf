// Version 1 is a line of text; version 2 a fixed head, addresses, and TLVs, which are checked and skipped.
#include "core/net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace edge {
namespace {

using Step = ProxyHeader::Step;
using namespace std::string_view_literals;

constexpr std::string_view kTextBegin = "PROXY ";
constexpr std::size_t kMostText = 107;  // with CRLF
constexpr std::string_view kBinaryBegin = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kBinaryHead = 16;
constexpr std::size_t kTlvHead = 3;

ProxyHeader malformed(std::string_view why) {
  ProxyHeader header;
  header.step = Step::malformed;
  header.why = why;
  return header;
}

/// Both are a beginning of the other.
bool agree(std::string_view bytes, std::string_view begin) {
  const std::size_t both = std::min(bytes.size(), begin.size());
  return bytes.substr(0, both) == begin.substr(0, both);
}

// ---- version 1 -------------------------------------------------------------------------------------------------

/// Up to the next space, which is taken as well; the rest when there is none.
std::string_view take_word(std::string_view& from) {
  const std::size_t end = std::min(from.find(' '), from.size());
  const std::string_view word = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return word;
}

/// Decimal, without a sign and without zeros before it.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, port);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  return port;
}

/// In text of that version: "::ffff:192.0.2.1" belongs to TCP6 although it is an IPv4 address to edge.
bool parse_end(std::string_view ip, std::string_view port, bool version_6, Address& to) {
  const std::optional<Address> address = Address::from_ip(ip);
  const std::optional<std::uint16_t> number = parse_port(port);
  if (!address || !number || ip.contains(':') != version_6) return false;
  to = *address;
  to.port = *number;
  return true;
}

/// `line` is what stands between "PROXY " and CRLF.
bool read_line(std::string_view line, ProxyHeader& header) {
  const std::string_view protocol = take_word(line);
  if (protocol == "UNKNOWN") return true;  // the rest of the line is to be ignored
  if (protocol != "TCP4" && protocol != "TCP6") return false;
  const bool version_6 = protocol == "TCP6";
  if (std::ranges::count(line, ' ') != 3) return false;
  const std::string_view source = take_word(line);
  const std::string_view destination = take_word(line);
  const std::string_view source_port = take_word(line);
  header.tells_client = parse_end(source, source_port, version_6, header.source) &&
                        parse_end(destination, line, version_6, header.destination);
  return header.tells_client;
}

ProxyHeader read_text(std::string_view bytes) {
  ProxyHeader header;
  const std::string_view text = bytes.substr(0, kMostText);
  const std::size_t end = text.find_first_of("\r\n"sv);
  const std::string_view ending = text.substr(std::min(end, text.size()), 2);
  if (ending.empty() || ending == "\r") {
    return text.size() < kMostText ? header : malformed("the line of the PROXY protocol is longer than 107 bytes");
  }
  if (ending != "\r\n") return malformed("the line of the PROXY protocol does not end with CRLF");
  if (!read_line(text.substr(kTextBegin.size(), end - kTextBegin.size()), header)) {
    return malformed("the line of the PROXY protocol does not tell two addresses and two ports");
  }
  header.step = Step::complete;
  header.consumed = end + 2;
  return header;
}

// ---- version 2 -------------------------------------------------------------------------------------------------

std::uint8_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

std::uint16_t number_at(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint16_t>(byte_at(bytes, i) << 8U | byte_at(bytes, i + 1));
}

Address address_of(std::string_view bytes, std::uint16_t port) {
  Address address = Address::from_bytes(bytes);
  address.port = port;
  return address;
}

/// The bytes that the ends take in each family, by its number: unspecified, IPv4, IPv6, unix.
constexpr std::array<std::size_t, 4> kEndsSize = {0, 12, 36, 216};
constexpr unsigned kProxied = 1;  // the command before it is LOCAL
constexpr unsigned kStream = 1;
constexpr unsigned kLastProtocol = 2;  // datagrams

bool are_tlvs(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.size() < kTlvHead) return false;
    const std::size_t size = kTlvHead + number_at(bytes, 1);
    if (size > bytes.size()) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

void read_ends(std::string_view ends, ProxyHeader& header) {
  const std::size_t ip_size = (ends.size() - 4) / 2;
  header.tells_client = true;
  header.source = address_of(ends.substr(0, ip_size), number_at(ends, 2 * ip_size));
  header.destination = address_of(ends.substr(ip_size, ip_size), number_at(ends, 2 * ip_size + 2));
}

/// `payload` is what follows the head. A checksum among the TLVs is not looked at: TCP and edge's own checks do.
ProxyHeader read_proxied(unsigned family, unsigned protocol, std::string_view payload) {
  ProxyHeader header;
  header.step = Step::complete;
  header.consumed = kBinaryHead + payload.size();
  if (payload.size() < kEndsSize[family]) return malformed("the PROXY header is too short for its addresses");
  if (family != 0 && !are_tlvs(payload.substr(kEndsSize[family]))) {
    return malformed("a length in the PROXY header points past its end");
  }
  const bool of_tcp = protocol == kStream && (family == 1 || family == 2);
  if (of_tcp) read_ends(payload.substr(0, kEndsSize[family]), header);
  return header;
}

/// Static text about the four bytes behind the signature, as far as they are there; empty when they are right.
std::string_view what_is_wrong(std::string_view facts) {
  if (!facts.empty() && byte_at(facts, 0) >> 4U != 2) return "the PROXY header is of no known version";
  if (!facts.empty() && (byte_at(facts, 0) & 0xfU) > kProxied) return "the PROXY header has an unknown command";
  const bool is_proxied = !facts.empty() && (byte_at(facts, 0) & 0xfU) == kProxied;  // else the rest means nothing
  if (is_proxied && facts.size() > 1) {
    const bool known = byte_at(facts, 1) >> 4U < kEndsSize.size() && (byte_at(facts, 1) & 0xfU) <= kLastProtocol;
    if (!known) return "the PROXY header has an unknown address family or protocol";
  }
  if (facts.size() == 4 && kBinaryHead + number_at(facts, 2) > kMostProxyHeader) {
    return "the PROXY header says that it is longer than 4 KiB";
  }
  return {};
}

ProxyHeader read_binary(std::string_view bytes) {
  ProxyHeader header;
  const std::string_view facts = bytes.substr(kBinaryBegin.size(), kBinaryHead - kBinaryBegin.size());
  if (const std::string_view wrong = what_is_wrong(facts); !wrong.empty()) return malformed(wrong);
  if (bytes.size() < kBinaryHead) return header;
  const std::size_t size = kBinaryHead + number_at(facts, 2);
  if (bytes.size() < size) return header;
  header.step = Step::complete;
  header.consumed = size;
  if ((byte_at(facts, 0) & 0xfU) != kProxied) return header;
  return read_proxied(byte_at(facts, 1) >> 4U, byte_at(facts, 1) & 0xfU, bytes.substr(kBinaryHead, size - kBinaryHead));
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (agree(bytes, kTextBegin)) return bytes.size() < kTextBegin.size() ? ProxyHeader{} : read_text(bytes);
  if (agree(bytes, kBinaryBegin)) return bytes.size() < kBinaryBegin.size() ? ProxyHeader{} : read_binary(bytes);
  return malformed("the connection does not begin with a PROXY header");
}

}  // namespace edge
