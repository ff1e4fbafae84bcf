// The rules that come with edge: what scanners ask every server for, and what no browser sends.
#pragma once

#include <memory>
#include <vector>

#include "core/http/request_rules.h"

namespace edge {

/// Each denies with 403. probes/dotfile: names that begin with a dot (/.git, /.env), but for /.well-known/.
/// probes/traversal: ".." steps in path or query, however they are written. probes/nul: NUL bytes in path or query.
/// probes/overlong-query: more than 2 KiB. probes/php, where the site has no PHP: wp-login.php, xmlrpc.php and such.
/// Made once; from any thread.
const std::vector<std::shared_ptr<const RequestRule>>& probe_rules(bool site_has_php);

}  // namespace edge
