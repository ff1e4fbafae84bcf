// Settings of the `http:` section, inherited route <- site <- http. Plain data; config fills it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/duration.h"
#include "core/http/accept_encoding.h"

namespace edge {

struct RequestRule;

/// What core/filters/compression.h goes by.
struct CompressSettings {
  /// Lower case; "text/css", "text/*" or "*/*".
  std::vector<std::string> types{"text/*", "application/javascript", "application/json", "application/xml",
                                 "image/svg+xml"};
  std::uint64_t min_size = 1024;                          // bytes; a smaller answer stays plain
  std::vector<Coding> codings{Coding::br, Coding::gzip};  // in order of preference; without identity
  int level = 5;                                          // 1 to 9, on zlib's scale

  bool operator==(const CompressSettings&) const = default;
};

/// Limits that hold before the site of a request is known: those of the listener's first site.
struct HttpSettings {
  Milliseconds header_timeout{10'000};  // whole request head, from its first byte -> 408
  Milliseconds body_timeout{30'000};    // between two reads of a request body -> 408
  Milliseconds send_timeout{60'000};    // between two writes to a client that does not read
  Milliseconds keepalive_timeout{65'000};
  std::uint32_t keepalive_requests = 10'000;
  std::uint32_t max_header_size = 32 * 1024;      // bytes of the whole head -> 431
  std::uint32_t max_headers = 100;                // fields -> 431
  std::uint32_t max_uri = 8 * 1024;               // bytes of the request target -> 414
  std::uint64_t client_max_body_size = 16 << 20;  // bytes -> 413
  std::string server_header = "edge";             // empty: no Server header
  std::optional<CompressSettings> compress;       // nothing: off
  bool protect_probes = false;                    // the rules of core/http/probe_rules.h hold, before those below
  std::vector<std::shared_ptr<const RequestRule>> rules;
  std::uint32_t rules_body = 64 * 1024;  // bytes of a body that rules look at
};

}  // namespace edge
