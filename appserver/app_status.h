// What is known of an app at one moment, for `edge status`. Plain data.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace edge {

/// A request that a worker's thread is at.
struct RunningRequest {
  pid_t pid = 0;  // of the worker
  unsigned thread = 0;
  std::string id{};
  std::string method{};
  std::string target{};
  std::uint64_t milliseconds = 0;  // since it was sent to the worker
  bool client_gone = false;
};

struct WorkerStatus {
  std::uint32_t number = 0;
  std::uint32_t generation = 0;
  pid_t pid = 0;
  std::string state{};                    // "starting", "idle", "busy", "finishing" (an answered request), "leaving",
                                          // "waiting to restart"
  std::uint64_t requests = 0;             // answered
  std::uint64_t in_flight = 0;            // being answered
  std::uint64_t age = 0;                  // milliseconds
  std::uint64_t memory = 0;               // resident bytes; 0: not known
  std::vector<RunningRequest> running{};  // those in flight; of an ASGI worker's only the oldest
};

/// A folder of the app's files that edge serves in its place.
struct FolderStatus {
  std::string url{};
  std::string directory{};
  bool hashed_names = false;  // names with a hash in them are immutable
};

struct GenerationStatus {
  std::uint32_t number = 0;
  std::string state{};  // "importing", "starting", "serving", "leaving", "kept for rollback"
  pid_t zygote = 0;
  std::string python{};
  std::uint64_t age = 0;       // milliseconds
  std::uint64_t kept_for = 0;  // milliseconds left of "kept for rollback"
  std::vector<FolderStatus> folders{};
  std::vector<WorkerStatus> workers{};
};

struct QueueStatus {
  std::uint32_t waiting = 0;
  std::uint32_t limit = 0;
  std::uint64_t longest_wait = 0;  // milliseconds that the first in the queue has waited so far
  // Since the edge started:
  std::uint64_t granted = 0;     // requests that were given to a worker
  std::uint64_t waited = 0;      // of those, how many had to wait
  std::uint64_t wait_total = 0;  // microseconds, of all that waited
  std::uint64_t wait_most = 0;   // microseconds
  std::uint64_t refused = 0;     // the queue was full
  std::uint64_t timed_out = 0;   // queue_timeout
  std::uint64_t left = 0;        // the client left while queued
};

/// Something that went wrong, with its time (seconds since the epoch).
struct PastError {
  std::int64_t at = 0;
  std::string text{};
};

struct AppStatus {
  std::string name{};
  std::string state{};           // "starting", "serving", "reloading", "crash loop", "failed", "stopping"
  std::uint32_t generation = 0;  // the one that serves; 0: none
  QueueStatus queue{};
  std::vector<GenerationStatus> generations{};
  std::vector<PastError> errors{};  // the last ones, newest first
};

/// How a reload, restart or rollback ended.
struct SwapResult {
  bool ok = false;
  std::uint32_t generation = 0;  // that serves now
  std::string error{};           // why not: what the import printed, or one line
};

}  // namespace edge
