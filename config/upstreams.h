// Loading of upstreams, and of routes that pass requests to them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/section.h"
#include "config/snapshot.h"

namespace edge::config {

std::vector<Upstream> load_upstreams(const Section& top);

/// Says where `name`, given under `key`, is none of the upstreams.
void check_upstream(const Section& section, std::string_view key, const std::string& name,
                    const std::vector<Upstream>& upstreams);

/// The handler `proxy` of a route: a name, or a map. `path` is the route's.
ProxyRef read_proxy(const Section& route, const RoutePath& path, const std::vector<Upstream>& upstreams);

/// A name of a machine, as far as its letters go.
bool is_host_name(std::string_view text);

/// What is wrong with `text` as the URL of a server, or nothing: then `to` and `protocol` are set.
std::string parse_server_url(std::string_view text, UpstreamServer& to, UpstreamProtocol& protocol);

/// Whether it is a host as `Host` has it, perhaps with a port.
bool is_authority(std::string_view text);

/// A name of letters, digits, ".", "_" and "-".
bool is_plain_name(std::string_view text);

}  // namespace edge::config
