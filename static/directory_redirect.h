// From "/docs" to "/docs/": relative links on a folder's page work only below the folder.
#pragma once

#include <string_view>

#include "core/http/request.h"
#include "core/http/response.h"

namespace edge {

/// 301 to `path` (decoded, such as the request's) with "/" at its end, and the request's query. The Location is a path,
/// so host and scheme stay, and it is escaped anew, so no path, whatever it decodes to, can make it another host
/// ("//x",
/// "/\x") or another header.
Response redirect_to_directory(const Request& request, std::string_view path);

}  // namespace edge
