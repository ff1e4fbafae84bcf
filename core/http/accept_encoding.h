// Content codings, and which of them a client wants best (RFC 9110 8.4.1, 12.5.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/http/header_list.h"

namespace edge {

enum class Coding : std::uint8_t { identity, gzip, br, zstd };
inline constexpr std::size_t kCodings = 4;

/// The name in the registry: "gzip", "br", "zstd", "identity".
std::string_view coding_name(Coding coding);
/// Of a name in any case, "x-gzip" being gzip; nothing for one that edge does not speak.
std::optional<Coding> coding_of(std::string_view name);

/// Reads the client's Accept-Encoding fields and chooses among identity and `available`, which stands in the server's
/// order of preference. The highest weight wins; of equal ones the first of `available`, and identity only after all of
/// them. Identity that nobody mentions is acceptable and the last choice.
///
/// Nothing: the client accepts none of them, not even identity. Who has an answer sends it plain all the same: RFC 9110
/// 12.4.1 lets a server disregard the field, and content that the client may yet understand is worth more than a 406.
///
/// Without the field the answer is identity: by the letter anything would be acceptable then, but who says nothing
/// often understands nothing. An element that is no well-formed one counts as not written; one that is given twice
/// has the lower of its weights, so that whoever on the way forbids a coding is heard. At most kMostElements are read.
inline constexpr std::size_t kMostElements = 64;
std::optional<Coding> choose_coding(const HeaderList& request, std::span<const Coding> available);

}  // namespace edge
