// Who is asked, under which path, and which fields of the answer count.
#include "config/auth_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "config/upstreams.h"
#include "core/arena.h"
#include "core/http/field_syntax.h"
#include "core/http/header_list.h"
#include "core/http/path.h"

namespace edge::config {
namespace {

void read_uri(const Section& section, std::string& to) {
  section.read("uri", to);
  Arena arena;
  if (to.starts_with('/') && parse_target(to, arena)) return;
  section.problem("uri", "expected a path that begins with /, escaped as in a URL, such as /check?for=staff");
}

/// Why a server's answer cannot say what the request has under this name; null when it can.
const char* unfit(std::string_view name) {
  if (!is_token(name)) return "is no header name; expected letters, digits and -";
  if (name.find('_') != name.npos) return "would reach no app, because of its underscore; write -";
  constexpr std::array<std::string_view, 20> kEdgesOwn = {"Connection",
                                                          "Content-Length",
                                                          "Content-Type",
                                                          "Expect",
                                                          "Forwarded",
                                                          "Host",
                                                          "HTTP2-Settings",
                                                          "Keep-Alive",
                                                          "Proxy",
                                                          "Proxy-Connection",
                                                          "TE",
                                                          "Trailer",
                                                          "Transfer-Encoding",
                                                          "Upgrade",
                                                          "Via",
                                                          "X-Edge-Rule",
                                                          "X-Forwarded-For",
                                                          "X-Forwarded-Host",
                                                          "X-Forwarded-Port",
                                                          "X-Forwarded-Proto"};
  const bool is_own = std::ranges::any_of(kEdgesOwn, [name](std::string_view own) { return same_name(own, name); });
  return is_own ? "is told of the request itself; remove it" : nullptr;
}

void check_name(const Section& section, const ListedText& given) {
  if (const char* why = unfit(given.text)) {
    section.loading().problems.add(given.place, given.path, fmt::format("{} {}", quoted(given.text), why));
  }
}

void read_names(const Section& section, AuthRequest& to) {
  for (ListedText& given : section.texts("headers")) {
    check_name(section, given);
    to.headers.push_back(std::move(given.text));
  }
  section.read("user", to.user);
  const Node* user = section.given("user");
  if (user && user->kind == Node::Kind::scalar) {
    check_name(section, {user->text, user->place, section.path_of("user")});
  }
}

}  // namespace

std::optional<AuthRequest> read_auth_request(const Section& section, const std::vector<Upstream>& upstreams,
                                             const std::optional<AuthRequest>& around) {
  const Node* node = section.written("auth_request");
  if (!node) return around;
  if (is_off(*node)) return std::nullopt;
  AuthRequest auth;
  if (node->kind == Node::Kind::scalar) {
    auth.place = section.place_of("auth_request");
    auth.upstream = node->text;
    check_upstream(section, "auth_request", auth.upstream, upstreams);
    return auth;
  }
  if (!section.given_map("auth_request")) return around;
  const Section inner = section.inner("auth_request", "sites[].auth_request");
  auth.place = inner.place();
  inner.read("to", auth.upstream);
  if (!inner.given("to")) inner.missing("to", "the upstream's name is missing");
  check_upstream(inner, "to", auth.upstream, upstreams);
  read_uri(inner, auth.uri);
  read_names(inner, auth);
  inner.read("timeout", auth.timeout);
  return auth;
}

}  // namespace edge::config
