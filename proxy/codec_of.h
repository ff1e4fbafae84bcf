// Which codec speaks to the servers of an upstream.
#pragma once

#include <memory>

#include "proxy/upstream.h"
#include "proxy/upstream_codec.h"

namespace edge {

/// The upstream outlives it.
std::unique_ptr<UpstreamCodec> codec_of(const Upstream& upstream);

/// "10.0.0.5:8000", "[::1]:80" or "localhost": what a request that names no host is sent with.
std::string authority_of(const Upstream& upstream);

}  // namespace edge
