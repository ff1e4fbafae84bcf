// Password hashes as users files hold them: bcrypt, SHA-512 and SHA-256 crypt, yescrypt. The only place of crypt(3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edge {

/// In bytes; crypt(3) takes no longer ones.
inline constexpr std::size_t kLongestPassword = 511;

/// Why edge does not go by `hash`, and what to do, in words for who wrote the file, and without the hash; nothing when
/// it does: what anybody could guess (plain text, MD5, SHA-1, DES), what is damaged, and what takes seconds is refused.
std::optional<std::string> refused_hash(std::string_view hash);

/// Whether crypt(3) takes all of it: a NUL would be its end.
inline bool can_be_checked(std::string_view password) {
  return password.size() <= kLongestPassword && password.find('\0') == password.npos;
}

enum class PasswordVerdict : std::uint8_t { right, wrong, failed };

/// From any thread, but not a loop's: blocks for as long as the hash asks for, a tenth of a second or so. `hash` is one
/// that is not refused, `password` one that can_be_checked(). How long it takes says nothing of the password but its
/// length. Failed: there is no memory.
PasswordVerdict check_password(const std::string& hash, const std::string& password);

}  // namespace edge
