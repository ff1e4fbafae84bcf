// From "/docs" to "/docs/": relative links on a folder's page work only below the folder.
#pragma once

#include "core/http/request.h"
#include "core/http/response.h"

namespace edge {

/// 301 to the request's path with "/" at its end, and its query. The Location is a path, so host and scheme stay, and
/// it is escaped anew, so no path, whatever it decodes to, can make it another host ("//x", "/\x") or another header.
Response redirect_to_directory(const Request& request);

}  // namespace edge
