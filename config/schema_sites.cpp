// The schema of sites, routes and handlers.
#include "config/schema.h"

namespace edge::config {
namespace {

constexpr Key kSite[] = {
    Key{"host", Type::texts, "[]",
        "Names that the site answers: exact, or `*.example.com`; without it every host. Exact beats the longest "
        "wildcard beats the default site."},
    Key{"default", Type::boolean, "false", "Answers the hosts that no other site on its address names."},
    Key{"listen", Type::texts, "[\":8080\"]",
        "Addresses: `:80` (IPv4 and IPv6), `127.0.0.1:80`, `[::1]:80`, `unix:/path`, `fd:3` (a socket of a systemd "
        "unit, the next is `fd:4`), or maps as below. Port 0: the kernel chooses. Sites may share an address. With "
        "`tls` the default is `{address: \":8443\", tls: true}`."},
    Key{"tls", Type::map, "~", "Certificates, and how they are used. For the addresses that speak TLS."},
    Key{"redirect_https", Type::boolean, "false",
        "Requests that come without TLS are sent to the site's first address with it (308), but for routes below "
        "`/.well-known/acme-challenge/`."},
    Key{"basic_auth", Type::map, "~", "Name and password for every route that says nothing else, as below."},
    Key{"auth_request", Type::map, "~",
        "An upstream decides who passes, on every route that says nothing else: its name, or a map as below."},
    Key{"routes", Type::maps, "", "What answers which path; at least one."},
};

constexpr Key kAnswers[] = {
    Key{"error_pages", Type::text_map, "{}",
        "From a status or a range (`500-504`) to the path that answers in its place, with 200 or that status; a page "
        "that "
        "cannot be had is left out, and the log says so. A route's map replaces the site's."},
    Key{"headers", Type::text_map, "{}",
        "Headers of every answer; values may hold $variables. A route's are added to the site's; `~` removes one."},
    Key{"access_log", Type::map, "~",
        "`false`: none. `true`: that of `log.access`. A map: its own, what is left out being that of `log.access`. "
        "Without it, what holds around."}
        .or_words("true, false"),
};

constexpr Key kListen[] = {
    Key{"address", Type::text, "", "As above."},
    Key{"backlog", Type::number, "4096", "Connections that the kernel keeps until they are accepted."}.between(1,
                                                                                                               65535),
    Key{"tls", Type::boolean, "false", "Speak TLS, with the certificates of the site's `tls`."},
    Key{"http2", Type::boolean, "true with tls",
        "Speak HTTP/2 as well: with TLS to who asks for it (ALPN), without to who begins with it (prior knowledge)."},
    Key{"proxy_protocol", Type::boolean, "false",
        "Every connection begins with a header of the PROXY protocol (version 1 or 2), which tells the client's "
        "address. Only `edge.trusted_proxies` may connect."},
};

constexpr Key kTls[] = {
    Key{"certificate", Type::path, "~",
        "PEM: the site's certificate, then those that lead to the root. A list of `{certificate, key}` for several "
        "kinds of key (RSA and ECDSA). Read again when it changes."},
    Key{"key", Type::path, "~", "Its private key, in PEM."},
    Key{"self_signed", Type::boolean, "false",
        "For development: a certificate for the site's names by a local authority, which edge makes and keeps. It says "
        "how to trust it."},
    Key{"protocols", Type::texts, "[TLSv1.2, TLSv1.3]", "Versions."},
    Key{"ciphers", Type::text, "modern",
        "For TLS 1.2: `modern` (ECDHE with AES-GCM or ChaCha20); `intermediate` (also DHE with them, for old clients "
        "without ECDHE and an RSA certificate; such a handshake costs more); or OpenSSL's cipher list."},
    Key{"session_tickets", Type::boolean, "true", "Sessions are resumed by tickets, whose keys change each hour."},
    Key{"client_ca", Type::path, "~", "PEM: the authorities whose client certificates are accepted."},
    Key{"client_verify", Type::choice, "none",
        "Whether clients must show a certificate. `optional`: `$ssl_client_verify` tells."}
        .of("none, optional, required"),
    Key{"ocsp", Type::path, "off",
        "Whether the authority's word that the certificate is not revoked is stapled: `fetch` asks its responder, a "
        "path names a file with a response (DER)."}
        .or_words("off, fetch"),
};

constexpr Key kCertificatePair[] = {
    Key{"certificate", Type::path, "", "As above."},
    Key{"key", Type::path, "", "As above."},
};

constexpr Key kRoute[] = {
    Key{"path", Type::text, "~",
        "`/p/` prefix (the longest wins), `= /p` exact (beats all), `^~ /p/` prefix that beats patterns, `~ re` and "
        "`~* re` (any case) patterns in their order (beat plain prefixes). This or `mount` must be given."},
    Key{"mount", Type::text, "~",
        "`/shop`: `/shop` and all below it; the app, or the server of `proxy` by uwsgi or FastCGI, sees `/shop` as "
        "`SCRIPT_NAME`."},
    Key{"static", Type::map, "~",
        "Handler: files. `auto`, beside an `app`: edge asks the app for its folders of files (Django's `STATIC_ROOT` "
        "and `MEDIA_ROOT`, Flask's and its blueprints' static folders, `StaticFiles` that Starlette or FastAPI mounts) "
        "and serves what is in them itself, so the app's middleware does not see who wants it; for all else the app is "
        "asked. Only for apps that run as edge's own user."}
        .or_words("auto"),
    Key{"redirect", Type::map, "~", "Handler: a redirect."},
    Key{"return", Type::map, "~", "Handler: a fixed answer."},
    Key{"app", Type::text, "~", "Handler: the app of that name in `apps`."},
    Key{"proxy", Type::map, "~", "Handler: an upstream's name, or a map as below."},
    Key{"cancel_on_disconnect", Type::boolean, "false",
        "With `app`: when the client of a GET, HEAD or OPTIONS leaves, an exception is raised in the running view. "
        "Without "
        "it the view runs to its end; either way `environ[\"edge.disconnected\"]()` is true then."},
    Key{"internal", Type::boolean, "false",
        "404 to clients: only error pages, `X-Accel-Redirect` of an app and `try` lead here."},
    Key{"expires", Type::duration, "~",
        "How long answers of status 200, 201, 204, 206, 301–304, 307 and 308 may be kept, unless they or `headers` "
        "say so themselves: "
        "`30d` is `Cache-Control: max-age=2592000` and an `Expires`; `max` is ten years; `epoch` is `no-cache`; "
        "`immutable` is for names that change with their content."}
        .between(0, 315'360'000'000)
        .or_words("off, max, epoch, immutable"),
    Key{"basic_auth", Type::map, "~",
        "Name and password, as below; `~` or `off`: nobody is asked, whatever the site says."}
        .or_words("off"),
    Key{"auth_request", Type::map, "~",
        "An upstream decides who passes: its name, or a map as below; `~` or `off`: none does, whatever the site says."}
        .or_words("off"),
};

constexpr Key kStatic[] = {
    Key{"directory", Type::path, "", "Folder of the files."},
    Key{"strip_prefix", Type::boolean, "true",
        "Take the route's path off before looking; `false`: look for the whole path in the folder."},
    Key{"index", Type::texts, "[index.html]", "Files that answer for a folder, the first that exists."},
    Key{"try", Type::texts, "[]",
        "Files to look for in their order, such as `[$uri, $uri/, /index.html]`; with a `/` at its end a folder. The "
        "last "
        "is no file but the path of the route that answers then, with the query that it names (`/index.php?$args`), or "
        "`= 404`. May hold $variables."},
    Key{"list", Type::boolean, "false",
        "A folder without an index file is answered with a list of it: a page, or JSON for who accepts that rather; "
        "`?sort=name`, `time` or `size`, `&order=asc` or `desc`. At most 10,000 entries."},
    Key{"precompressed", Type::boolean, "false",
        "To clients that understand them send `a.css.br`, `a.css.zst` or `a.css.gz` in place of `a.css`, where such a "
        "file is there and not older than `a.css`."},
    Key{"hidden_files", Type::boolean, "false",
        "Serve names that begin with a dot. `.well-known` at the top of a request's path is served without it (RFC "
        "8615)."},
    Key{"follow_symlinks", Type::choice, "inside",
        "`inside`: symbolic links that do not lead out of the folder are followed; an absolute one counts as leading "
        "out. "
        "`always`: all of them; who may make "
        "links there may have any file served. `never`: none."}
        .of("inside, always, never"),
    Key{"types", Type::text_map, "{}",
        "Content types by the end of file names, before those that edge knows: `{md: text/plain}`. A text that names "
        "no "
        "charset is taken for UTF-8."},
};

constexpr Key kRedirect[] = {
    Key{"to", Type::templated, "", "Where to; may hold $variables."},
    Key{"status", Type::number, "302", "301, 302, 303, 307 or 308."}.between(301, 308),
};

constexpr Key kReturn[] = {
    Key{"status", Type::number, "200", "Status code."}.between(200, 599),
    Key{"body", Type::templated, "\"\"", "Content; may hold $variables."},
    Key{"type", Type::text, "text/plain", "Content type."},
};

constexpr Key kProxy[] = {
    Key{"to", Type::text, "", "An upstream's name."},
    Key{"strip_prefix", Type::boolean, "false",
        "Take the route's path off: `/api/users` becomes `/users`; `uwsgi://` and `fastcgi://` tell of it as "
        "`SCRIPT_NAME`. A `mount` is taken off unless this says `false`."},
    Key{"replace_prefix", Type::text, "~",
        "Put this in the place of the route's path: `/v2/` makes `/v2/users` of it."},
    Key{"host", Type::templated, "~",
        "The `Host` that the server sees; may hold $variables. Without it the client's own; `X-Forwarded-Host` tells "
        "that one in any case. Where the variables make no host of it, it is that of the server."},
    Key{"headers", Type::text_map, "{}",
        "Headers of the request to the server, in place of the client's; values may hold $variables; `~` removes one."},
    Key{"buffer_request", Type::boolean, "true",
        "Read the request's body to its end before a server is asked, so that a slow client holds no server; `false`: "
        "pass it on as it comes, and repeat nothing of which a part was sent."},
    Key{"buffer_response", Type::size, "1M",
        "So much of an answer is taken from the server ahead of a slow client; `0`, or `X-Accel-Buffering: no` of the "
        "server: it is passed on as it comes. The answers of all servers have 32 MiB together in each loop, beyond "
        "which each has 64 KiB."}
        .between(0, 1ULL << 30),
    Key{"rewrite", Type::boolean, "true",
        "Where the prefix is changed: turn `Location`, and the `Path` of cookies, back to what the client knows."},
    Key{"upgrade", Type::texts, "[websocket]",
        "Protocols that a client may go over to (`Upgrade`, over HTTP/2 extended CONNECT) when the server agrees; "
        "`[]`: none. Only servers of `http` and `https` can."},
};

}  // namespace

std::span<const SectionSchema> site_sections() {
  static const SectionSchema sections[] = {
      {"sites[]",
       "A site: the hosts it answers, where, and how. Keys of `http` hold for this site; of those that are "
       "needed while no host is known (`header_timeout`, `keepalive_timeout`, `max_header_size`, `max_headers`, "
       "`max_uri`) the first site of an address decides.",
       {kSite, kAnswers, connection_keys(), exchange_keys(), access_keys()}},
      {"sites[].listen[]", "`listen` as a map.", {kListen}},
      {"sites[].tls", "TLS 1.2 and 1.3.", {kTls}},
      {"sites[].tls.certificate[]", "One of several certificates.", {kCertificatePair}},
  };
  return sections;
}

std::span<const SectionSchema> route_sections() {
  static const SectionSchema sections[] = {
      {"sites[].routes[]",
       "A path and the one handler that answers it.",
       {kRoute, kAnswers, exchange_keys(), access_keys()}},
      {"sites[].routes[].static",
       "Files. A request may ask for ranges of one: up to 16 that do not touch (100 as written) and no more than the "
       "file "
       "in all, else it gets the whole.",
       {kStatic}},
      {"sites[].routes[].redirect", "A redirect.", {kRedirect}},
      {"sites[].routes[].return", "A fixed answer.", {kReturn}},
      {"sites[].routes[].proxy",
       "An upstream. To its servers go `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`, `Forwarded` and `Via`; of what "
       "clients send in these, only that of `edge.trusted_proxies` is passed on. `X-Accel-Redirect` of an answer leads "
       "to a route of files.",
       {kProxy}},
  };
  return sections;
}

}  // namespace edge::config
