// Reading the extensions of a client hello (RFC 6066, 3; RFC 8446, 4.2.1).
#include "core/net/tls_hello.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <string_view>

namespace edge {

namespace {

constexpr std::size_t kLongestName = 253;

std::string_view extension(ssl_st* session, unsigned type) {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(session, type, &bytes, &size) != 1) return {};
  return {reinterpret_cast<const char*>(bytes), size};
}

std::size_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::size_t number_at(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) * 256 + byte_at(bytes, at + 1);
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/// A list (two bytes of length) of one entry: its kind, 0, then a name behind two bytes of length.
std::string host_name(std::string_view list) {
  constexpr std::size_t kHead = 5;
  if (list.size() <= kHead || number_at(list, 0) != list.size() - 2 || list[2] != 0) return {};
  if (number_at(list, 3) != list.size() - kHead) return {};
  std::string name(list.substr(kHead));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 32);
  }
  const bool good = name.size() <= kLongestName && std::ranges::all_of(name, is_host_character);
  return good ? name : std::string();
}

/// One byte of length, then versions of two bytes, some of which are there only to be ignored (RFC 8701).
unsigned highest_version(std::string_view list) {
  unsigned highest = 0;
  for (std::size_t at = 1; at + 1 < list.size(); at += 2) {
    const auto version = static_cast<unsigned>(number_at(list, at));
    if (version <= TLS1_3_VERSION) highest = std::max(highest, version);
  }
  return highest;
}

}  // namespace

TlsHello& TlsHello::of(const ssl_st* session) {
  return *static_cast<TlsHello*>(SSL_get_app_data(session));
}

void TlsHello::attach(ssl_st* session) {
  SSL_set_app_data(session, this);
}

void TlsHello::read(ssl_st* session) {
  server_name = host_name(extension(session, TLSEXT_TYPE_server_name));
  const unsigned highest = highest_version(extension(session, TLSEXT_TYPE_supported_versions));
  offered = highest != 0 ? highest : SSL_client_hello_get0_legacy_version(session);
}

}  // namespace edge
