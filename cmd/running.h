// Running: what serves at present, and what a change of the configuration exchanges.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cmd/addresses.h"
#include "cmd/apps.h"
#include "cmd/certificates.h"
#include "cmd/edge_loop.h"
#include "cmd/inheritance.h"
#include "cmd/limit_zones.h"
#include "cmd/staplings.h"
#include "cmd/upstreams.h"
#include "cmd/users_files.h"
#include "config/snapshot.h"
#include "core/access/password_checks.h"
#include "core/http/door.h"
#include "core/log_files.h"
#include "core/net/loop.h"
#include "core/net/tls_tickets.h"

namespace edge {

/// On the main thread. The loops must have been joined, and what they served by be gone, before its end.
struct Running {
  Running(LogFiles& logs, Inheritance from_start) : files(logs), inherited(std::move(from_start)) {}

  LogFiles& files;
  std::string runtime_dir;  // for request bodies; empty in a check
  Loop main;
  ConnectionLimit connections;
  GuardPost guard;
  TlsTickets tickets;  // outlive the connections
  LimitZones limits;   // these too
  Inheritance inherited;
  Addresses addresses{inherited};
  std::vector<std::unique_ptr<EdgeLoop>> loops;
  Apps apps{main};
  Staplings staplings{main};
  UpstreamsByName upstreams;  // that are in force
  UpstreamKeepers keepers{main};
  std::shared_ptr<PasswordChecks> password_checks = std::make_shared<PasswordChecks>();
  UsersFiles users_files;  // that are in force
  UsersWatch users_watch{main};
  std::shared_ptr<const Certificates> certificates;  // that are in force; null before any
  std::shared_ptr<const AccessLists> access;         // the same
  std::shared_ptr<const config::Snapshot> snapshot;  // whose settings are in force
};

}  // namespace edge
