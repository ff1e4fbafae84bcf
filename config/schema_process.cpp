// The schema of the top level, edge, log and http.
#include "config/schema.h"

namespace edge::config {
namespace {

constexpr Key kTop[] = {
    Key{"include", Type::texts, "[]",
        "Further files: one pattern (`sites/*.yaml`) or a list, merged in the order of their names. A pattern may "
        "match "
        "nothing; a plain name must exist."},
    Key{"edge", Type::map, "{}", "The process."},
    Key{"log", Type::map, "{}", "The error log and the access log."},
    Key{"http", Type::map, "{}", "Limits and defaults of every site."},
    Key{"lists", Type::named_maps, "{}", "Named address lists, usable as `@NAME` in `deny` and `allow`."},
    Key{"apps", Type::named_maps, "{}", "Python applications by name."},
    Key{"upstreams", Type::named_maps, "{}", "Servers to pass requests to, by name."},
    Key{"sites", Type::maps, "[]", "What is answered: hosts, addresses and routes."},
    Key{"app", Type::text, "~",
        "Short for one site on `:8080` that answers every host with this `module` or `module:callable`. Instead of "
        "`apps` and `sites`."},
    Key{"static", Type::text_map, "{}",
        "Short for routes of that one site: a map from path prefixes to directories, such as "
        "`{/static/: ./static}`; or `auto`: the app's own folders of files, as a route has it."}
        .or_words("auto"),
};

constexpr Key kEdge[] = {
    Key{"threads", Type::number, "auto",
        "Event loops in the one process. `auto`: as many as CPUs may be used; a "
        "control group's quota counts. A change needs a restart."}
        .between(1, 1024)
        .or_words("auto"),
    Key{"user", Type::text, "~",
        "User to become after the ports are bound; only meaningful when started as root. A change needs a "
        "restart."},
    Key{"group", Type::text, "~", "Group to become; without it the user's own. A change needs a restart."},
    Key{"pid_file", Type::path, "~", "Where to write the process id. A change needs a restart."},
    Key{"control", Type::path, "~",
        "The unix socket that `edge reload`, `edge status` and the other commands speak to, mode 0600; at most 107 "
        "bytes. Without it one that is named after the site file: in `$XDG_RUNTIME_DIR`, else in `/run` for root and "
        "in "
        "`/tmp` for others. A change needs a restart."},
    Key{"runtime_dir", Type::path, "~",
        "Private folder for spooled bodies and sockets; without it one is made. A change "
        "needs a restart."},
    Key{"max_connections", Type::number, "20000",
        "When there are so many, the one that has been idle longest is closed for a new one; first come those that "
        "never "
        "asked anything. Where a request is under way on all of them, new ones wait in the kernel's backlog. When a "
        "reload lowers it, two idle ones are closed for each new one until there are few enough."}
        .between(1, 10'000'000),
    Key{"hot_files", Type::size, "32M",
        "Memory of each loop for files that were asked for lately, and for what was compressed of them. A file that "
        "changes is served anew within a second; `0`: none is kept."}
        .between(0, 1ULL << 40),
    Key{"state_dir", Type::path, "~",
        "Folder for what is to outlive edge: the bans, in `bans.json`; made when it is missing. Without it bans end "
        "with the process, and with `edge upgrade`. A change needs a restart."},
    Key{"max_bans", Type::number, "100000", "Bans at a time; what comes above is not banned, and the log says so."}
        .between(1, 1'000'000),
    Key{"limits_memory", Type::size, "16M",
        "What `limits` count by takes so much at most, 32 bytes for each key. Where it is full, a new key takes the "
        "place of one that counts nothing any more, else of the one that would soonest. A change needs a restart."}
        .between(4096, 1ULL << 36),
    Key{"shutdown_timeout", Type::duration, "30s",
        "How long a graceful stop of edge may take. Requests that an app is at then are cut off, with a line in the "
        "log for each: 504, or 503 for a GET, which may be sent again. What waits in a queue gets 503, other "
        "connections are closed, and the log says how many of them had a request or its answer under way. An `edge "
        "upgrade` stops "
        "nothing: the process before has as long as the longest `shutdown_timeout`, this one or an app's."}
        .between(1, kMostTime),
    Key{"trusted_proxies", Type::texts, "[]",
        "Proxies in front whose word about the client is believed: addresses, networks (`10.0.0.0/8`), and `unix:` for "
        "whoever comes through a unix socket. From them `X-Forwarded-For`, `-Proto`, `-Host` and `-Port` tell the "
        "client's address, the scheme, the host and the port; where none of these is sent, `Forwarded` does. The "
        "client "
        "is the last address of the list that is no trusted proxy. A proxy must set or remove each of them, as it "
        "would "
        "pass on what a client made up. Not for an app's `socket`, where the server in front tells the client in its "
        "own way."},
};

constexpr Key kLog[] = {
    Key{"level", Type::choice, "info", "The least level that the error log shows."}.of("debug, info, warn, error"),
    Key{"error", Type::path, "stderr", "Where errors go: `stderr`, `stdout` or a path."}.or_words("stderr, stdout"),
    Key{"access", Type::map, "{path: stdout, format: combined}", "The access log of every site; `off`: none."}.or_words(
        "off"),
};

constexpr Key kAccess[] = {
    Key{"path", Type::path, "stdout", "`stdout`, `stderr` or a path, opened again on SIGUSR1."}.or_words(
        "stdout, stderr"),
    Key{"format", Type::text, "combined", "`combined`, `json`, or a pattern with $variables."},
};

constexpr Key kConnection[] = {
    Key{"header_timeout", Type::duration, "10s", "The whole head of a request, from its first byte. 408."}.between(
        1, kMostTime),
    Key{"keepalive_timeout", Type::duration, "65s", "How long a connection may idle between two requests."}.between(
        1, kMostTime),
    Key{"max_header_size", Type::size, "32k",
        "Bytes of the whole head. 431. Not for an app's `socket`, where a packet has at most 64 KiB."}
        .between(1024, 1 << 20),
    Key{"max_headers", Type::number, "100", "Header fields in a request. 431."}.between(1, 10'000),
    Key{"max_uri", Type::size, "8k", "Bytes of the request target. 414."}.between(64, 1 << 20),
};

constexpr Key kExchange[] = {
    Key{"body_timeout", Type::duration, "30s", "Between two reads of a request body. 408."}.between(1, kMostTime),
    Key{"send_timeout", Type::duration, "60s", "Between two writes to a client that does not read."}.between(1,
                                                                                                             kMostTime),
    Key{"keepalive_requests", Type::number, "10000", "Requests on a connection; after them it is closed."}.between(
        1, 0xffff'ffff),
    Key{"client_max_body_size", Type::size, "16M", "Bytes of a request body; `0`: none may be sent. 413."}.between(
        0, 1ULL << 50),
    Key{"server_header", Type::text, "edge", "Value of the `Server` header; `false`: no such header."}.or_words(
        "false"),
    Key{"compress", Type::map, "false",
        "Compression of answers, as below. `true`: with the defaults; `false`: none, which keeps secrets safe that "
        "stand "
        "beside what a client may choose (BREACH)."}
        .or_words("true, false"),
    Key{"limits", Type::map, "{}", "How often, how many at a time, how fast; as below. `off`: none."}.or_words("off"),
    Key{"protect", Type::texts, "[]",
        "Sets of rules that come with edge, asked before `rules`: `probes` denies (403) what scanners ask every server "
        "for. `probes/dotfile`: names that begin with a dot, but for `/.well-known/`; `probes/traversal`: `..` in path "
        "or query, however it is encoded; `probes/nul`: NUL bytes in them; `probes/overlong-query`: more than 2 KiB; "
        "`probes/php`, unless a route of the site names php in its path: `wp-login.php`, `xmlrpc.php` and such."},
    Key{"rules", Type::maps, "[]", "Requests to deny, log or tag, as below."},
    Key{"rules_body", Type::size, "64k", "Bytes of a body that rules look at."}.between(1024, 1 << 20),
};

constexpr Key kCompress[] = {
    Key{"types", Type::texts, "[text/*, application/javascript, application/json, application/xml, image/svg+xml]",
        "Content types to compress; `text/*` is all that begin so, and `*/*` every one."},
    Key{"min_size", Type::size, "1k",
        "Smaller answers stay as they are. One whose length nobody knows before it ends counts as large."},
    Key{"encodings", Type::texts, "[br, gzip]",
        "`br`, `zstd` and `gzip`: in order of preference where the client likes several equally well."},
    Key{"level", Type::number, "5",
        "Effort, as gzip counts it. The others spend about the same: br works at its own level of that number, but "
        "from 2 "
        "to 6, and zstd two above it, but from 3 to 8."}
        .between(1, 9),
};

}  // namespace

std::span<const SectionSchema> process_sections() {
  static const SectionSchema sections[] = {
      {"",
       "The top level of a file. `apps` and `sites` of included files are added; any other section stands in one "
       "file only.",
       {kTop}},
      {"edge", "The process.", {kEdge}},
      {"log", "Logs. Files are opened again on SIGUSR1.", {kLog}},
      {"log.access", "One access log; `access_log` of a site or route takes the same keys.", {kAccess}},
      {"http",
       "Limits and defaults of every site. A site, and a route where that makes sense, may give the same keys "
       "for itself.",
       {kConnection, kExchange, access_keys()}},
      {"http.compress",
       "Compression of what apps and `return` answer, also while it streams: each piece that an app sends can be read "
       "at "
       "once. Static files of up to 4 MiB are compressed once for each version and kept in `edge.hot_files`; who asks "
       "for a "
       "part of one gets it plain. Left out are an app's own `socket` and what it sends through `wsgi.file_wrapper`. "
       "`compress` of a site or route takes the same keys; what "
       "its map leaves out has the default below. Not compressed are parts (206), what is encoded already, and what "
       "says "
       "`Cache-Control: no-transform`. Answers of these types get `Vary: Accept-Encoding`, and compressed ones a weak "
       "ETag: `If-Match` never holds for a weak one, so who edits what it got compressed is refused (412); give routes "
       "for "
       "such clients `compress: false`. "
       "Of answers that are still made while they are sent, 128 a loop are compressed at a time; more are sent plain.",
       {kCompress}},
  };
  return sections;
}
std::span<const Key> exchange_keys() {
  return kExchange;
}
std::span<const Key> connection_keys() {
  return kConnection;
}

}  // namespace edge::config
