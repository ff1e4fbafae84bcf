// Fuzz target: any bytes as a users file are read or refused by line, and what was accepted can be found again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/access/password_hash.h"
#include "core/access/user_table.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto users = edge::UserTable::parse(text);
  if (!users) {
    if (users.error().empty() || users.error().front().line < 1) std::abort();
    return 0;
  }
  const std::string* const hash = (*users)->decoy(size);
  if (((*users)->size() == 0) != (hash == nullptr)) std::abort();
  if (hash && edge::refused_hash(*hash)) std::abort();
  return 0;
}
