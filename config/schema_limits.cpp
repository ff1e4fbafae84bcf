// The schema of limits: rates, requests at a time, bandwidth.
#include "config/schema.h"

namespace edge::config {
namespace {

constexpr std::string_view kKeyDoc =
    "What is counted by; a request for which it is empty is not limited. A fixed text such as `all` counts all "
    "together. `$remote_network` is the client's IPv4 address, or its IPv6 network of 64 bits, in which it may have "
    "any address; by `$remote_addr` each address counts by itself. Requests are counted before they are checked, so "
    "`$remote_user` is who the client says it is.";
constexpr std::string_view kDryRunDoc = "Only say what would be done: in the log, `edge status --json`, and variables.";

constexpr Key kLimits[] = {
    Key{"requests", Type::map_or_maps, "~", "How often requests may come. `off`: as often as they like."}.or_words(
        "off"),
    Key{"connections", Type::map_or_maps, "~", "How many requests may be under way at a time. `off`: any number."}
        .or_words("off"),
    Key{"bandwidth", Type::map, "~", "How fast an answer is sent. `off`: as fast as it can be."}.or_words("off"),
};

constexpr Key kRequests[] = {
    Key{"rate", Type::text, "", "Requests in a second, a minute or an hour: `20/s`, `100/m`, `500/h`."},
    Key{"burst", Type::number, "0",
        "So many may come before their time; the rate gives the room back. Without it two requests must be apart by "
        "what "
        "the rate says."}
        .between(0, 1'000'000),
    Key{"key", Type::templated, "$remote_network", kKeyDoc},
    Key{"delay", Type::boolean, "false",
        "Those of the burst wait until it is their time, by the rate; at most a minute. `false`: they are served at "
        "once."},
    Key{"status", Type::number, "429",
        "Of the answer to the others, with `Retry-After`, the seconds until one would be served."}
        .between(400, 599),
    Key{"dry_run", Type::boolean, "false", kDryRunDoc},
};

constexpr Key kConnections[] = {
    Key{"max", Type::number, "", "Requests at a time; of HTTP/2 each stream is one. An idle connection is none."}
        .between(1, 1'000'000),
    Key{"key", Type::templated, "$remote_network", kKeyDoc},
    Key{"status", Type::number, "503", "Of the answer to the others."}.between(400, 599),
    Key{"dry_run", Type::boolean, "false", kDryRunDoc},
};

constexpr Key kBandwidth[] = {
    Key{"rate", Type::text, "", "Bytes of content in a second: `1M/s`, `500k/s`; at least `1k/s`."},
    Key{"after", Type::size, "0", "The first so many bytes are sent as fast as they can be."},
    Key{"dry_run", Type::boolean, "false", kDryRunDoc},
};

}  // namespace

std::span<const SectionSchema> limit_sections() {
  static const SectionSchema sections[] = {
      {"http.limits",
       "`limits` of a site or route takes the same keys: each that it gives replaces what is inherited, and `limits: "
       "off` all of them. What `http` gives counts for all sites together. They hold for what clients ask, not for "
       "error pages, nor on an app's own `socket`. Counts stay over a reload where a limit keeps its place and `key`. "
       "Refusals are in the log, once a second for each limit; `$limit_req_status` and `$limit_conn_status` "
       "(`PASSED`, `DELAYED`, `REJECTED`, `DELAYED_DRY_RUN`, `REJECTED_DRY_RUN`) tell of every request.",
       {kLimits}},
      {"http.limits.requests",
       "A leaky bucket for each key. One, or a list of up to 4 that all must let pass.",
       {kRequests}},
      {"http.limits.connections",
       "A count for each key. One, or a list of up to 4 that all must let in.",
       {kConnections}},
      {"http.limits.bandwidth", "Of each answer by itself.", {kBandwidth}},
  };
  return sections;
}

}  // namespace edge::config
