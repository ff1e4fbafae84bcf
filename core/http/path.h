// Paths of request targets: splitting, decoding and normalising (RFC 3986 5.2.4, 6.2.2; nginx's merge_slashes).
#pragma once

#include <string_view>

#include "core/arena.h"
#include "core/result.h"

namespace edge {

struct Target {
  std::string_view path;   // decoded and normalised, begins with "/"; "*" for OPTIONS *
  std::string_view query;  // raw
  bool has_query = false;
  std::string_view authority;  // of an absolute-form target ("http://host/x"): it replaces Host; else empty
};

/// Parses the request target of RFC 9112 3.2 (origin-form, absolute-form, asterisk-form). Views point into `target`
/// where nothing had to be decoded, else into the arena. Malformed: a broken escape, an encoded NUL, a path above
/// the root, a fragment, an authority-form, a byte below 0x21 or 0x7f.
Result<Target> parse_target(std::string_view target, Arena& arena);

/// The path of a URL that an app wrote ("/files/a%20b?x"): decoded and normalised, without its query. Bytes that a
/// request would have to escape may stand as they are. Malformed: no "/" at its beginning, a broken escape, an encoded
/// NUL, a path above the root.
Result<std::string_view> parse_app_path(std::string_view url, Arena& arena);

/// An absolute path of the machine, normalised without a look at its links. Malformed: one that is not absolute or
/// leads above the root.
Result<std::string_view> normalize_file_path(std::string_view path, Arena& arena);

/// "Example.COM:8080" -> "example.com"; "[::1]:80" -> "[::1]". Malformed: anything that is no host and port.
/// Points into `authority` when that is lower case already.
Result<std::string_view> parse_host(std::string_view authority, Arena& arena);

}  // namespace edge
