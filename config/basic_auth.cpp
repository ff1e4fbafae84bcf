// Realm and users, whose file is checked line by line.
#include "config/basic_auth.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/answers.h"
#include "core/access/user_table.h"
#include "core/http/field_syntax.h"

namespace edge::config {
namespace {

void check_users(const Section& section, const std::string& file) {
  Problems& problems = section.loading().problems;
  const auto text = section.loading().machine.read(file);
  if (!text) {
    section.problem("users_file", fmt::format("{} cannot be read: {}; make it with `htpasswd -B -c FILE NAME`, and let "
                                              "edge's user read it",
                                              quoted(file), text.error()));
    return;
  }
  const auto users = UserTable::parse(*text);
  if (users) return;
  for (const UserTable::Problem& problem : users.error()) {
    problems.add({file, problem.line, 1}, section.path_of("users_file"), problem.message);
  }
}

void read_realm(const Section& section, std::string& to) {
  const Node* node = section.given("realm");
  if (!node) return section.missing("realm", "what the browser is to show is missing; give a short text");
  section.read("realm", to);
  if (node->kind == Node::Kind::scalar && !is_field_text(node->text)) {
    section.problem("realm", "cannot hold a line break or a control character");
  }
}

}  // namespace

std::optional<BasicAuth> read_basic_auth(const Section& section, const std::optional<BasicAuth>& around) {
  const Node* node = section.written("basic_auth");
  if (!node) return around;
  if (is_off(*node)) return std::nullopt;
  if (!section.given_map("basic_auth")) return around;
  const Section inner = section.inner("basic_auth", "sites[].basic_auth");
  BasicAuth auth;
  auth.place = inner.place();
  read_realm(inner, auth.realm);
  inner.read("users_file", auth.users_file);
  if (!inner.given("users_file")) {
    inner.missing("users_file",
                  "the file of names and password hashes is missing; make one with `htpasswd -B -c FILE NAME`");
  } else if (!auth.users_file.empty()) {
    check_users(inner, auth.users_file);
  }
  return auth;
}

}  // namespace edge::config
