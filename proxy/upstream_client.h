// UpstreamClient: asks one server of an upstream, and where that is safe others, until one answers.
#pragma once

#include <memory>
#include <string>

#include "core/task.h"
#include "proxy/server_exchange.h"
#include "proxy/tried_servers.h"
#include "proxy/upstream_lane.h"

namespace edge {

/// Of one loop; keeps nothing of a request.
class UpstreamClient {
 public:
  explicit UpstreamClient(std::shared_ptr<UpstreamLane> lane) : lane_(std::move(lane)) {}

  UpstreamLane& lane() const { return *lane_; }

  /// The exchange with the first server that answered, its head there. `preferred` is asked first, where it may be. The
  /// servers, times and waits are noted in asked.client.upstream; everything named here outlives the exchange. Errors:
  /// those of UpstreamLane::choose() and ServerExchange::begin(); a line in the log tells of each server before the
  /// last.
  Task<Result<std::unique_ptr<ServerExchange>>> ask(const UpstreamRequest& asked, OutgoingContent content,
                                                    const Server* preferred) const;

 private:
  bool may_repeat(const Request& request, const Error& error, const TriedServers& tried,
                  const std::string& server) const;

  std::shared_ptr<UpstreamLane> lane_;
};

}  // namespace edge
