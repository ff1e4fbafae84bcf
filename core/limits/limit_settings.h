// Settings of the `limits:` section: how often, how many at a time, how fast. Plain data; config fills it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/http/template.h"

namespace edge {

/// The most of one kind that hold for a request.
inline constexpr std::size_t kMostLimits = 4;

/// A leaky bucket, as nginx's limit_req has it.
struct RequestRate {
  std::uint64_t interval = 0;  // microseconds between two requests at that rate
  std::uint64_t burst = 0;     // requests that may come before their time
};

/// What every limit says of itself.
struct LimitIdentity {
  std::string zone{};    // what is counted together; the same over reloads and unlike that of any other limit
  std::string text{};    // for logs: "limits.requests 20/s (site.yaml:3:7)"
  bool dry_run = false;  // says what it would refuse or slow, and lets it pass
};

struct RequestLimit {
  LimitIdentity identity{};
  Template key{};  // what is counted by; a request for which it is empty is not limited
  RequestRate rate{};
  bool delay = false;  // those before their time wait for it
  int status = 429;
};

/// Of requests under way at the same time, as nginx's limit_conn counts connections.
struct ConcurrencyLimit {
  LimitIdentity identity{};
  Template key{};
  std::uint32_t most = 0;
  int status = 503;
};

/// Of one answer's content.
struct BandwidthLimit {
  LimitIdentity identity{};
  std::uint64_t rate = 0;   // bytes a second
  std::uint64_t after = 0;  // bytes that leave as fast as they can before it holds
};

/// What holds for a site or a route.
struct LimitSettings {
  std::vector<RequestLimit> requests{};         // kMostLimits at most
  std::vector<ConcurrencyLimit> connections{};  // the same
  std::optional<BandwidthLimit> bandwidth{};

  bool empty() const { return requests.empty() && connections.empty() && !bandwidth; }
};

}  // namespace edge
