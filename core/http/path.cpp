// Request targets and hosts: one pass over the bytes, and no memory unless something has to be rewritten.
#include "core/http/path.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/http/header_list.h"

namespace edge {

namespace {

constexpr std::size_t kMaxHost = 255;  // bytes; DNS allows 253

enum class TargetByte : std::uint8_t { plain, slash, dot, percent, query, bad };

constexpr std::array<TargetByte, 256> kTargetBytes = [] {
  std::array<TargetByte, 256> table{};
  for (std::size_t i = 0; i <= 0x20; ++i) table[i] = TargetByte::bad;
  table[0x7f] = TargetByte::bad;
  table['#'] = TargetByte::bad;
  table['/'] = TargetByte::slash;
  table['.'] = TargetByte::dot;
  table['%'] = TargetByte::percent;
  table['?'] = TargetByte::query;
  return table;
}();

TargetByte target_byte(char byte) {
  return kTargetBytes[static_cast<unsigned char>(byte)];
}

std::unexpected<Error> malformed(const char* why) {
  return fail(ErrorKind::malformed, Side::client, why);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Where the path ends and whether it is decoded and normalised as it stands.
struct PathScan {
  std::size_t size = 0;
  bool ready = true;
  bool bad = false;
};

PathScan scan_path(std::string_view text) {
  PathScan scan;
  bool after_slash = false;
  for (; scan.size < text.size(); ++scan.size) {
    const TargetByte byte = target_byte(text[scan.size]);
    if (byte == TargetByte::plain) {
      after_slash = false;
      continue;
    }
    if (byte == TargetByte::query) break;
    if (byte == TargetByte::bad) scan.bad = true;
    // A segment that begins with a dot is looked at closely only then: ".well-known" stays a rare case.
    if (byte == TargetByte::percent || (after_slash && (byte == TargetByte::slash || byte == TargetByte::dot))) {
      scan.ready = false;
    }
    after_slash = byte == TargetByte::slash;
  }
  return scan;
}

/// Writes a normalised path byte by byte. What is written begins with "/"; the segment after its last "/" is judged
/// when it ends.
class PathBuilder {
 public:
  explicit PathBuilder(char* to) : begin_(to), at_(to + 1), segment_(to + 1) { *to = '/'; }

  void add(char byte) {
    if (byte != '/') {
      *at_++ = byte;
    } else if (end_segment()) {
      *at_++ = '/';
      segment_ = at_;
    }
  }
  std::string_view finish() {
    end_segment();
    return {begin_, static_cast<std::size_t>(at_ - begin_)};
  }
  bool above_root() const { return above_root_; }

 private:
  /// False when the segment was no name and has been taken back: then "/" is the last byte already.
  bool end_segment() {
    const std::string_view segment(segment_, static_cast<std::size_t>(at_ - segment_));
    if (!segment.empty() && segment != "." && segment != "..") return true;
    at_ = segment_;
    if (segment == "..") leave_parent();
    return false;
  }
  void leave_parent() {
    if (at_ == begin_ + 1) {
      above_root_ = true;
      return;
    }
    do {
      --at_;
    } while (at_[-1] != '/');
    segment_ = at_;
  }

  char* begin_;
  char* at_;
  char* segment_;
  bool above_root_ = false;
};

Result<std::string_view> rewrite_path(std::string_view path, Arena& arena) {
  PathBuilder builder(arena.allocate_chars(path.size()));
  for (std::size_t i = 1; i < path.size(); ++i) {
    char byte = path[i];
    if (byte == '%') {
      const int high = i + 2 < path.size() ? hex_digit(path[i + 1]) : -1;
      const int low = i + 2 < path.size() ? hex_digit(path[i + 2]) : -1;
      if (high < 0 || low < 0) return malformed("a broken escape in the path");
      byte = static_cast<char>(high * 16 + low);
      if (byte == '\0') return malformed("an encoded NUL in the path");
      i += 2;
    }
    builder.add(byte);
  }
  const std::string_view built = builder.finish();
  if (builder.above_root()) return malformed("a path above the root");
  return built;
}

bool is_valid_query(std::string_view query) {
  return std::ranges::none_of(query, [](char c) { return target_byte(c) == TargetByte::bad; });
}

/// From the path on: "/a?b", "?b" or nothing.
Result<Target> parse_path_and_query(std::string_view text, std::string_view authority, Arena& arena) {
  Target target;
  target.authority = authority;
  const PathScan scan = scan_path(text);
  if (scan.bad) return malformed("a byte in the path that must be escaped");
  target.path = scan.size == 0 ? std::string_view("/") : text.substr(0, scan.size);
  if (!scan.ready) {
    Result<std::string_view> rewritten = rewrite_path(target.path, arena);
    if (!rewritten) return std::unexpected(std::move(rewritten.error()));
    target.path = *rewritten;
  }
  if (scan.size < text.size()) {
    target.has_query = true;
    target.query = text.substr(scan.size + 1);
    if (!is_valid_query(target.query)) return malformed("a byte in the query that must be escaped");
  }
  return target;
}

bool begins_with_scheme(std::string_view target, std::string_view scheme) {
  return target.size() >= scheme.size() && same_name(target.substr(0, scheme.size()), scheme);
}

bool is_port(std::string_view digits) {
  unsigned number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<unsigned>(c - '0');
    if (number > 65'535) return false;
  }
  return true;
}

enum class HostByte : std::uint8_t { bad, plain, upper, dot };

constexpr std::array<HostByte, 256> kHostBytes = [] {
  std::array<HostByte, 256> table{};
  for (unsigned char c = '0'; c <= '9'; ++c) table[c] = HostByte::plain;
  for (unsigned char c = 'a'; c <= 'z'; ++c) table[c] = HostByte::plain;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) table[c] = HostByte::upper;
  table['-'] = table['_'] = HostByte::plain;
  table['.'] = HostByte::dot;
  return table;
}();

/// Letters, digits, "-" and "_", in labels that single dots separate. RFC 3986's reg-name allows more (escapes, commas,
/// semicolons), but no name that DNS resolves has it, and what stands behind edge should never see it.
bool is_host_name(std::string_view name) {
  HostByte before = HostByte::dot;
  for (const char c : name) {
    const HostByte byte = kHostBytes[static_cast<unsigned char>(c)];
    if (byte == HostByte::bad || (byte == HostByte::dot && before == HostByte::dot)) return false;
    before = byte;
  }
  return before != HostByte::dot;
}

bool is_ipv6(std::string_view address) {
  char text[INET6_ADDRSTRLEN];
  if (address.size() >= sizeof text) return false;
  *std::ranges::copy(address, text).out = '\0';
  in6_addr bytes;
  return inet_pton(AF_INET6, text, &bytes) == 1;
}

/// The host of "host", "host:port" or "[address]:port"; empty when it is none of them.
std::string_view split_host(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == authority.npos || !is_ipv6(authority.substr(1, end - 1))) return {};
    const std::string_view after = authority.substr(end + 1);
    if (!after.empty() && (after[0] != ':' || !is_port(after.substr(1)))) return {};
    return authority.substr(0, end + 1);
  }
  const std::size_t colon = authority.find(':');
  if (colon != authority.npos && !is_port(authority.substr(colon + 1))) return {};
  std::string_view host = authority.substr(0, colon);
  if (host.ends_with('.')) host.remove_suffix(1);  // the root's dot: the same name
  return is_host_name(host) ? host : std::string_view();
}

}  // namespace

Result<Target> parse_target(std::string_view target, Arena& arena) {
  if (target.starts_with('/')) return parse_path_and_query(target, {}, arena);
  if (target == "*") {
    Target asterisk;
    asterisk.path = target;
    return asterisk;
  }
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (!begins_with_scheme(target, scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view authority = rest.substr(0, end);
    if (authority.empty() || !is_valid_query(authority)) return malformed("an absolute target without a valid host");
    return parse_path_and_query(rest.substr(end), authority, arena);
  }
  return malformed("a request target that is neither a path nor an http URL");
}

Result<std::string_view> parse_app_path(std::string_view url, Arena& arena) {
  if (!url.starts_with('/')) return malformed("a path must begin with \"/\"");
  return rewrite_path(url.substr(0, url.find('?')), arena);
}

Result<std::string_view> normalize_file_path(std::string_view path, Arena& arena) {
  if (!path.starts_with('/')) return malformed("a file's path must begin with \"/\"");
  PathBuilder builder(arena.allocate_chars(path.size()));
  for (const char byte : path.substr(1)) builder.add(byte);
  const std::string_view built = builder.finish();
  if (builder.above_root()) return malformed("a path above the root");
  return built;
}

Result<std::string_view> parse_host(std::string_view authority, Arena& arena) {
  const std::string_view host = split_host(authority);
  if (host.empty() || host.size() > kMaxHost) return malformed("an invalid host");
  const auto is_upper = [](char c) { return kHostBytes[static_cast<unsigned char>(c)] == HostByte::upper; };
  if (std::ranges::none_of(host, is_upper)) return host;
  char* lower = arena.allocate_chars(host.size());
  std::ranges::transform(host, lower, [&](char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; });
  return std::string_view(lower, host.size());
}

}  // namespace edge
