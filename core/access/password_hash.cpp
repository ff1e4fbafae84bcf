// Telling kinds of hashes apart, and checking by crypt_r().
#include "core/access/password_hash.h"

#include <crypt.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>

namespace edge {

namespace {

constexpr std::string_view kAdvice = "make it anew with `htpasswd -B FILE NAME`, or by `openssl passwd -6`";

// What takes longer than about a second for one look at it.
constexpr unsigned kMostBcryptCost = 14;         // a logarithm
constexpr unsigned kMostRounds = 1'000'000;      // of SHA-512 and SHA-256 crypt
constexpr std::string_view kYescryptCost = "C";  // the highest: 2^15 blocks of up to 4 KiB

bool is_hash_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '/';
  });
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string damaged(std::string_view kind) {
  return fmt::format("the {} hash is damaged or incomplete; {}", kind, kAdvice);
}

std::string too_slow(std::string_view what) {
  return fmt::format("every look at this hash would take seconds: {}; {}", what, kAdvice);
}

/// "$2y$10$" and 53 characters: salt and hash.
std::optional<std::string> refused_bcrypt(std::string_view hash) {
  constexpr std::size_t kWhole = 60;
  if (hash.size() != kWhole || hash[6] != '$' || !is_hash_text(hash.substr(7))) return damaged("bcrypt");
  const std::optional<unsigned> cost = number(hash.substr(4, 2));
  if (!cost) return damaged("bcrypt");
  if (*cost <= kMostBcryptCost) return std::nullopt;
  return too_slow(fmt::format("a cost of {}, where {} is the most", *cost, kMostBcryptCost));
}

/// "$6$", "rounds=5000$" or nothing, salt, "$", hash.
std::optional<std::string> refused_sha(std::string_view kind, std::size_t hash_size, std::string_view hash) {
  constexpr std::string_view kRounds = "rounds=";
  std::string_view rest = hash.substr(3);
  if (rest.starts_with(kRounds)) {
    const std::size_t end = std::min(rest.find('$'), rest.size());
    const std::optional<unsigned> rounds = number(rest.substr(kRounds.size(), end - kRounds.size()));
    if (!rounds || end == rest.size()) return damaged(kind);
    if (*rounds > kMostRounds) {
      return too_slow(fmt::format("{} rounds, where {} are the most", *rounds, kMostRounds));
    }
    rest.remove_prefix(end + 1);
  }
  const std::size_t end = rest.rfind('$');
  if (end == rest.npos || rest.size() - end - 1 != hash_size || !is_hash_text(rest.substr(end + 1))) {
    return damaged(kind);
  }
  return std::nullopt;
}

/// "$y$j9T$": the flavour, a digit for the number of blocks and one for their size; then salt, "$", hash.
std::optional<std::string> refused_yescrypt(std::string_view hash) {
  constexpr std::size_t kHash = 43;
  constexpr std::string_view kLargestBlocks = "T";
  const std::size_t end = hash.rfind('$');
  if (hash.size() < 8 || hash[3] != 'j' || hash[6] != '$' || hash.size() - end - 1 != kHash ||
      !is_hash_text(hash.substr(end + 1))) {
    return damaged("yescrypt");
  }
  if (hash.substr(4, 1) <= kYescryptCost && hash.substr(5, 1) <= kLargestBlocks) return std::nullopt;
  return too_slow("it asks for more than 128 MiB of memory");
}

std::string_view weak_kind(std::string_view hash) {
  constexpr std::size_t kDes = 13;
  if (hash.starts_with("$apr1$") || hash.starts_with("$1$")) return "MD5";
  if (hash.starts_with("{SHA}") || hash.starts_with("{SSHA}")) return "SHA-1";
  if (hash.size() == kDes && is_hash_text(hash)) return "DES";
  return {};
}

}  // namespace

std::optional<std::string> refused_hash(std::string_view hash) {
  if (const std::string_view weak = weak_kind(hash); !weak.empty()) {
    return fmt::format("{} hashes are too easily guessed; {}", weak, kAdvice);
  }
  std::optional<std::string> refused;
  if (hash.starts_with("$2y$") || hash.starts_with("$2b$") || hash.starts_with("$2a$")) {
    refused = refused_bcrypt(hash);
  } else if (hash.starts_with("$6$")) {
    refused = refused_sha("SHA-512", 86, hash);
  } else if (hash.starts_with("$5$")) {
    refused = refused_sha("SHA-256", 43, hash);
  } else if (hash.starts_with("$y$")) {
    refused = refused_yescrypt(hash);
  } else if (hash.starts_with('$') || hash.starts_with('{')) {
    return fmt::format("edge does not know this kind of hash; {}", kAdvice);
  } else {
    return fmt::format("a password must not stand here as it is, only its hash; {}", kAdvice);
  }
  if (refused) return refused;
  const int known = crypt_checksalt(std::string(hash).c_str());
  if (known != CRYPT_SALT_INVALID && known != CRYPT_SALT_METHOD_DISABLED) return std::nullopt;
  return fmt::format("the system's crypt(3) does not know this kind of hash, or it is damaged; {}", kAdvice);
}

PasswordVerdict check_password(const std::string& hash, const std::string& password) {
  struct Wipe {
    void operator()(crypt_data* data) const {
      explicit_bzero(data, sizeof *data);
      delete data;
    }
  };
  const std::unique_ptr<crypt_data, Wipe> data(new crypt_data());
  const char* const made = crypt_r(password.c_str(), hash.c_str(), data.get());
  if (!made || made[0] == '*') return PasswordVerdict::failed;
  if (std::strlen(made) != hash.size()) return PasswordVerdict::wrong;
  unsigned different = 0;
  for (std::size_t i = 0; i < hash.size(); ++i) different |= static_cast<unsigned char>(made[i] ^ hash[i]);
  return different == 0 ? PasswordVerdict::right : PasswordVerdict::wrong;
}

}  // namespace edge
