// The schema of what a request has to pass: name and password, and rules.
#include "config/schema.h"

namespace edge::config {
namespace {

constexpr Key kBasicAuth[] = {
    Key{"realm", Type::text, "", "What the browser shows when it asks for name and password."},
    Key{"users_file", Type::path, "",
        "Names and password hashes, a line a user (`htpasswd -B FILE NAME`): bcrypt, SHA-512 or SHA-256 crypt, "
        "yescrypt. "
        "Plain text, MD5, SHA-1 and DES are refused. Read again when it changes; one with a mistake is named in the "
        "log, and those before stay. At most 1 MiB."},
};

constexpr Key kAuthRequest[] = {
    Key{"to", Type::text, "", "The upstream, of any protocol."},
    Key{"uri", Type::text, "/", "Path and query that it is asked for, escaped as in a URL."},
    Key{"headers", Type::texts, "[]",
        "Headers of its answer that the request goes on with, such as `[X-User, X-Groups]`. What a client sends under "
        "these names never passes, also where the answer has none."},
    Key{"user", Type::text, "~",
        "The header of its answer that names the user: `REMOTE_USER` (with `AUTH_TYPE` `auth_request`), and "
        "`$remote_user` in the access log. What a client sends under this name never passes either."},
    Key{"timeout", Type::duration, "5s", "For all of it, with the wait for a server and all that are tried."}.between(
        1, 3'600'000),
};

constexpr Key kRule[] = {
    Key{"name", Type::text, "~", "For the log; without it the rule's place, such as `sites[0].rules[1]`."},
    Key{"match", Type::map, "", "The conditions, as below; all that are given must hold."},
    Key{"action", Type::choice, "deny",
        "`deny` answers `status`, and no later rule is asked. `log` writes a line, at most one a second for each rule. "
        "`tag` puts `tag` into `$rule_tag` and into the header `X-Edge-Rule` of the request to the app; what a client "
        "sends as such a header is taken off."}
        .of("deny, log, tag"),
    Key{"status", Type::number, "403", "Of `deny`."}.between(400, 599),
    Key{"tag", Type::text, "~", "Of `tag`: letters, digits and `._:/-`. Of several rules they are joined by commas."},
    Key{"dry_run", Type::boolean, "false", "Only a line in the log says what the rule would have done."},
};

constexpr Key kMatch[] = {
    Key{"method", Type::texts, "[]", "One of these methods."},
    Key{"path", Type::text, "~",
        "As the `path` of a route is written; held against the decoded path, and against the path as it was sent."},
    Key{"query", Type::text, "~", "A pattern; held against the query as it was sent, and decoded."},
    Key{"headers", Type::text_map, "{}",
        "From names to patterns. A header that is not sent counts as empty, one that is sent several times matches "
        "with "
        "any of them."},
    Key{"body", Type::text, "~",
        "A pattern; held against the beginning (`rules_body`) of texts, JSON, XML and forms, and of what has no "
        "`Content-Type`; of forms also decoded. Such rules are asked after all others, and after `basic_auth`."},
};

}  // namespace

std::span<const SectionSchema> guard_sections() {
  static const SectionSchema sections[] = {
      {"http.rules[]",
       "A rule for requests. `rules` of a site or route takes the same keys, and replaces those around it. Rules are "
       "asked in their order, by the route that the client's own path finds, before `basic_auth`. Patterns are PCRE2 "
       "(`(?i)` for any case); a text on which one takes too much effort counts as one that matches. Not on an app's "
       "own `socket`.",
       {kRule}},
      {"http.rules[].match", "What a rule is for; at least one condition.", {kMatch}},
      {"sites[].basic_auth",
       "Name and password (RFC 7617), for a site or a route; 401 without them. Passwords are looked at on other "
       "threads, two at a time and 64 in a queue (more: 503), and are believed for five minutes. The app finds "
       "`REMOTE_USER` and `AUTH_TYPE` in its environ (an ASGI app as with `auth_request`), the access log "
       "`$remote_user`. Files that an app names "
       "(`X-Accel-Redirect`) are sent without asking again; error pages too. Where `try` leads to another route the "
       "user goes with the request, as with nginx; a route with `basic_auth` or `auth_request` of its own finds it out "
       "anew. Use TLS: the password is sent as it is.",
       {kBasicAuth}},
      {"sites[].routes[].basic_auth", "The same for one route.", {kBasicAuth}},
      {"sites[].auth_request",
       "Before a request passes, after `basic_auth` and before its body is read, an upstream is asked, as by "
       "`auth_request` of nginx, `forward_auth` of Caddy and `ForwardAuth` of Traefik: by a GET without content, with "
       "the client's headers and `X-Forwarded-Method`, `-Uri`, `-Host`, `-Proto`, `-For`, `X-Original-Method`, `-URI` "
       "and `-URL`. 2xx: the request passes. 401, 403, or a redirect (301, 302, 303, 307, 308) with `Location`: that "
       "is the client's answer, with `WWW-Authenticate`, `Location`, `Set-Cookie` and `Cache-Control`, but without "
       "the content. All else, as no answer within `timeout`: 500, and a line in the log says why. `Set-Cookie` of "
       "2xx goes nowhere. An ASGI app finds the user in `scope[\"extensions\"][\"edge.user\"]`. Files that an app "
       "names (`X-Accel-Redirect`) are sent without asking again; error pages too.",
       {kAuthRequest}},
      {"sites[].routes[].auth_request", "The same for one route.", {kAuthRequest}},
  };
  return sections;
}

}  // namespace edge::config
