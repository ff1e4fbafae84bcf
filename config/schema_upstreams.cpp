// The schema of upstreams.
#include "config/schema.h"

namespace edge::config {
namespace {

constexpr Key kUpstream[] = {
    Key{"servers", Type::texts, "",
        "URLs, or maps as below, all of one scheme: `http://10.0.0.5:8000`, `https://api.example.com`, "
        "`uwsgi://127.0.0.1:3031` (a uWSGI server), `fastcgi://unix:/run/php/php-fpm.sock`. Each scheme takes "
        "`unix:/path` too. Every address of a name is a server of its own."},
    Key{"balance", Type::text, "round_robin",
        "`round_robin` (smooth, by weight), `least_conn`, `random` (the better of two), `ip_hash` (by the client's "
        "network), or `hash $variable` (consistent: few requests move when a server comes or goes)."},
    Key{"resolve", Type::duration, "30s",
        "Host names are looked up again so often. When that fails, the last good addresses stay."}
        .between(1'000, kMostTime),
    Key{"keepalive", Type::number, "64",
        "Idle connections kept for each server and loop (`edge status --json` shows how many there are, as `idle`); "
        "`0`: none. For `uwsgi://` none can be kept. For `fastcgi://` "
        "none are unless this is given, because each would keep one of PHP-FPM's children from serving anybody else: "
        "`keepalive` times `edge.threads` must stay well below `pm.max_children`. A request that may not be repeated, "
        "such as a POST, takes only a connection that was in use within the last second: servers end idle ones without "
        "a word, gunicorn after two seconds."}
        .between(0, 10'000),
    Key{"keepalive_timeout", Type::duration, "60s", "An idle connection is closed after so long."}.between(1,
                                                                                                           kMostTime),
    Key{"connect_timeout", Type::duration, "5s", "To connect, TLS included. 504."}.between(1, kMostTime),
    Key{"read_timeout", Type::duration, "60s", "Until the answer begins, and between two reads of it. 504."}.between(
        1, kMostTime),
    Key{"send_timeout", Type::duration, "60s", "Between two writes of a request. 504."}.between(1, kMostTime),
    Key{"tunnel_timeout", Type::duration, "1h",
        "A WebSocket or another tunnel in which nothing moved for so long ends."}
        .between(1, kMostTime),
    Key{"retries", Type::number, "2",
        "Other servers tried when one cannot be reached, is too slow or breaks off before the head of its answer is "
        "whole, and repeating is safe: the method is idempotent, or nothing of the request was sent. What is no HTTP, "
        "or too large a head, is 502 at once. Of all requests at most a fifth is repeated."}
        .between(0, 100),
    Key{"queue", Type::number, "1000",
        "Requests of each loop that may wait while every server has its `max_connections`; above it 503."}
        .between(0, 1'000'000),
    Key{"queue_timeout", Type::duration, "10s", "A request that waited longer gets 503."}.between(1, kMostTime),
    Key{"slow_start", Type::duration, "0s",
        "A server that comes back gets its share of the requests little by little over this time."}
        .between(0, kMostTime),
    Key{"sticky", Type::map, "~", "A client stays with its server by a cookie."},
    Key{"eject", Type::map, "{}", "Servers that fail are left out for a while."},
    Key{"health", Type::map, "~", "Servers are asked whether they are well; without it only `eject` holds."},
    Key{"tls", Type::map, "{}", "For `https://`."},
    Key{"fastcgi", Type::map, "{}", "For `fastcgi://`."},
};

constexpr Key kServer[] = {
    Key{"url", Type::text, "", "As above."},
    Key{"weight", Type::number, "1", "Its share of the requests."}.between(1, 65'535),
    Key{"max_connections", Type::number, "~", "Requests at a time, of all loops; more wait in `queue`."}.between(
        1, 1'000'000),
    Key{"backup", Type::boolean, "false", "Used only while no other is alive."},
    Key{"down", Type::boolean, "false", "Not used."},
};

constexpr Key kSticky[] = {
    Key{"cookie", Type::text, "", "Its name. The value tells nothing of the server."},
    Key{"for", Type::duration, "~", "How long it lasts; without it until the browser ends."}.between(1'000, kMostTime),
    Key{"key", Type::text, "~",
        "A secret, such as `${STICKY_KEY}`: edges with the same one understand each other's cookies. Without it the "
        "machine's identity (`/etc/machine-id`) takes its place, and where that is missing too, as in containers, the "
        "value can be guessed from a server's address."},
};

constexpr Key kEject[] = {
    Key{"failures", Type::number, "3", "In a row, until a server is left out; `0`: never."}.between(0, 1'000),
    Key{"for", Type::duration, "10s",
        "How long it is left out; up to eight times as long when it fails again. When all are left out, all are used."}
        .between(1, kMostTime),
};

constexpr Key kHealth[] = {
    Key{"path", Type::text, "", "What is asked for, by GET."},
    Key{"host", Type::text, "~",
        "The host that is asked for, with a port where it has an unusual one; without it that of the first server. An "
        "application that knows the hosts it is for, such as Django by `ALLOWED_HOSTS`, refuses others."},
    Key{"interval", Type::duration, "5s", "Between two checks of a server."}.between(100, kMostTime),
    Key{"timeout", Type::duration, "2s", "Of one check."}.between(1, kMostTime),
    Key{"status", Type::texts, "200-399", "What counts as well: statuses and ranges."},
    Key{"rise", Type::number, "2", "Good checks in a row until a server is used again."}.between(1, 1'000),
    Key{"fall", Type::number, "3", "Bad checks in a row until it is left out."}.between(1, 1'000),
};

constexpr Key kUpstreamTls[] = {
    Key{"verify", Type::boolean, "true", "Check the server's certificate and its name."},
    Key{"ca", Type::path, "~", "Authorities to trust, in PEM; without it the system's."},
    Key{"server_name", Type::text, "~", "Name to ask for (SNI) and to check; without it the host of the URL."},
    Key{"certificate", Type::path, "~", "Our certificate, in PEM, for servers that ask for one."},
    Key{"key", Type::path, "~", "Its key."},
};

constexpr Key kFastcgi[] = {
    Key{"root", Type::path, "",
        "Folder of the scripts, as the server sees it: `DOCUMENT_ROOT`, and what `SCRIPT_FILENAME` begins with. When "
        "PHP "
        "answers `File not found.` or `No input file specified.`, there is no such script below this folder, or PHP's "
        "user may not read it; in another container the folder may have another path."},
    Key{"index", Type::text, "index.php", "For paths that end in a slash."},
};

constexpr SectionSchema kUpstreamSections[] = {
    {"upstreams.NAME", "Servers to pass requests to. NAME is of letters, digits, `.`, `_` and `-`.", {kUpstream}},
    {"upstreams.NAME.servers[]", "One server.", {kServer}},
    {"upstreams.NAME.sticky", "A client stays with its server.", {kSticky}},
    {"upstreams.NAME.eject", "Servers that fail.", {kEject}},
    {"upstreams.NAME.health", "Active health checks.", {kHealth}},
    {"upstreams.NAME.tls", "TLS towards the servers.", {kUpstreamTls}},
    {"upstreams.NAME.fastcgi", "FastCGI.", {kFastcgi}},
};

}  // namespace

std::span<const SectionSchema> upstream_sections() {
  return kUpstreamSections;
}

}  // namespace edge::config
