// AES-256-CBC and HMAC-SHA256 with random keys, as RFC 5077 (4) recommends.
#include "core/net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>

namespace edge {

namespace {

std::int64_t steady_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <std::size_t Size>
bool fill_random(std::array<unsigned char, Size>& to) {
  return getrandom(to.data(), Size, 0) == static_cast<ssize_t>(Size);  // up to 256 bytes come whole, once it is seeded
}

/// Looked up once: OpenSSL's own search takes locks.
const EVP_CIPHER* ticket_cipher() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return cipher;
}

bool set_mac_key(evp_mac_ctx_st* mac, const unsigned char* key, std::size_t size) {
  std::array<char, 7> digest{"SHA256"};
  const std::array parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key), size),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

}  // namespace

TlsTickets::TlsTickets() : TlsTickets(steady_seconds) {}

TlsTickets::TlsTickets(Clock clock) : clock_(clock) {}

TlsTickets::~TlsTickets() {
  OPENSSL_cleanse(keys_.data(), sizeof keys_);
}

bool TlsTickets::seal(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac) {
  const std::int64_t now = clock_();
  std::shared_lock lock(mutex_);
  if (!keys_[0].set || now - keys_[0].made >= kMakes) {
    lock.unlock();
    if (!rotate(now)) return false;
    lock.lock();
  }
  const Key& key = keys_[0];
  std::memcpy(name, key.name.data(), key.name.size());
  return RAND_bytes(iv, EVP_CIPHER_get_iv_length(ticket_cipher())) == 1 &&
         EVP_EncryptInit_ex2(cipher, ticket_cipher(), key.cipher.data(), iv, nullptr) == 1 &&
         set_mac_key(mac, key.mac.data(), key.mac.size());
}

TlsTickets::Opened TlsTickets::open(const unsigned char* name, const unsigned char* iv, evp_cipher_ctx_st* cipher,
                                    evp_mac_ctx_st* mac) {
  const std::int64_t now = clock_();
  const std::shared_lock lock(mutex_);
  const auto found = std::ranges::find_if(keys_, [&](const Key& key) {
    return key.set && now - key.made < kOpens && std::memcmp(key.name.data(), name, key.name.size()) == 0;
  });
  if (found == keys_.end()) return Opened::unknown;
  if (EVP_DecryptInit_ex2(cipher, ticket_cipher(), found->cipher.data(), iv, nullptr) != 1 ||
      !set_mac_key(mac, found->mac.data(), found->mac.size())) {
    return Opened::failed;
  }
  return found == keys_.begin() && now - found->made < kMakes ? Opened::newest : Opened::older;
}

bool TlsTickets::rotate(std::int64_t now) {
  Key fresh{};
  if (!fill_random(fresh.name) || !fill_random(fresh.cipher) || !fill_random(fresh.mac)) return false;
  fresh.made = now;
  fresh.set = true;
  const std::unique_lock lock(mutex_);
  if (!keys_[0].set || now - keys_[0].made >= kMakes) {  // else another thread was quicker
    std::ranges::move_backward(keys_.begin(), keys_.end() - 1, keys_.end());
    keys_[0] = fresh;
    for (Key& key : keys_) {
      if (now - key.made >= kOpens) OPENSSL_cleanse(&key, sizeof key);
    }
  }
  OPENSSL_cleanse(&fresh, sizeof fresh);
  return true;
}

}  // namespace edge
