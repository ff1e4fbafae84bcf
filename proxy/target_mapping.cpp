// Taking a prefix off a path as the client has escaped it.
#include "proxy/target_mapping.h"

#include "core/escape.h"
#include "core/http/request.h"
#include "core/joined.h"

namespace edge {

namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Decodes the first byte of escaped `text` and takes it off.
char take_byte(std::string_view& text) {
  if (text[0] == '%' && text.size() > 2) {
    const char byte = static_cast<char>(hex(text[1]) << 4 | hex(text[2]));
    text.remove_prefix(3);
    return byte;
  }
  const char byte = text[0];
  text.remove_prefix(1);
  return byte;
}

/// The path of a target as it was received (its escapes are valid, or it would have been refused).
std::string_view raw_path(std::string_view target) {
  if (!target.starts_with('/')) {  // absolute-form
    const std::size_t authority = target.find("://");
    const std::size_t begin = authority == target.npos ? target.npos : target.find_first_of("/?", authority + 3);
    target = begin == target.npos ? std::string_view() : target.substr(begin);
  }
  return target.substr(0, target.find('?'));
}

/// What is left of `raw` when the decoded bytes of `prefix` were taken off; nothing when it does not begin with them.
std::optional<std::string_view> without_prefix(std::string_view raw, std::string_view prefix) {
  if (raw.find('%') == raw.npos) {  // it stands for itself
    return raw.starts_with(prefix) ? std::optional(raw.substr(prefix.size())) : std::nullopt;
  }
  for (const char byte : prefix) {
    if (raw.empty() || take_byte(raw) != byte) return std::nullopt;
  }
  return raw;
}

bool decodes_to(std::string_view raw, std::string_view path) {
  const std::optional<std::string_view> rest = without_prefix(raw, path);
  return rest && rest->empty();
}

std::string_view without_slash(std::string_view path) {
  return path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
}

}  // namespace

TargetMapping::TargetMapping(const RoutePath& path, std::optional<std::string> replacement)
    : prefix_(path.kind == RoutePath::Kind::pattern ? std::string() : path.path), replacement_(std::move(replacement)) {
  append_url_path(prefix_, escaped_prefix_);
  if (replacement_) script_name_ = without_slash(prefix_);
}

std::string_view TargetMapping::target(const Request& request, Arena& arena) const {
  const std::string_view raw = raw_path(request.target);
  const bool is_plain = decodes_to(raw, request.path);
  if (!replacement_ && is_plain && request.target.starts_with('/')) return request.target;
  std::string_view root;
  std::string_view rest = request.path;
  bool slash_missing = false;
  if (replacement_) {
    root = *replacement_;
    rest.remove_prefix(prefix_.size());  // the route was chosen by it
    if (root.ends_with('/') && rest.starts_with('/')) root.remove_suffix(1);
    slash_missing = !root.ends_with('/') && !rest.empty() && !rest.starts_with('/') && prefix_.ends_with('/');
  }
  std::string escaped;
  if (is_plain) {
    rest = *without_prefix(raw, request.path.substr(0, request.path.size() - rest.size()));
  } else {
    append_url_path(rest, escaped);
    rest = escaped;
  }
  const std::string_view mark = request.has_query ? "?" : "";
  return joined(arena, {root, slash_missing ? "/" : "", rest, mark, request.has_query ? request.query : ""});
}

std::optional<std::string_view> TargetMapping::back(std::string_view path, Arena& arena) const {
  if (!replacement_) return std::nullopt;
  const std::string_view root = without_slash(*replacement_);
  if (!path.starts_with(root)) return std::nullopt;
  const std::string_view rest = path.substr(root.size());
  if (!rest.empty() && rest[0] != '/' && rest[0] != '?' && rest[0] != '#') return std::nullopt;
  std::string text(without_slash(escaped_prefix_));
  text += rest;
  if (text.empty()) text = "/";
  return arena.copy(text);
}

}  // namespace edge
