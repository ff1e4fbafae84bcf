// SHA-1 and base64, as the RFC wants them; nothing is kept secret by it.
#include "core/http/websocket_key.h"

#include <openssl/evp.h>
#include <sys/random.h>

#include <array>

namespace edge {

namespace {

constexpr std::string_view kProof = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3

template <std::size_t Size>
std::string base64(const std::array<unsigned char, Size>& bytes) {
  std::array<unsigned char, (Size + 2) / 3 * 4 + 1> text;
  const int size = EVP_EncodeBlock(text.data(), bytes.data(), Size);
  return {reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(size)};
}

}  // namespace

std::string make_websocket_key() {
  std::array<unsigned char, 16> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  return base64(bytes);
}

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text.append(kProof);
  std::array<unsigned char, 20> digest;
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1) return {};
  return base64(digest);
}

}  // namespace edge
