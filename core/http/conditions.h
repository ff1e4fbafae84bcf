// The fields by which a request sets conditions to its answer (RFC 9110 13.1) or asks for a part of it (14.2).
#pragma once

#include "core/http/header_list.h"

namespace edge {

/// `headers` without them: for an answer that they cannot be meant for, such as an error page.
HeaderList without_conditions(const HeaderList& headers);

}  // namespace edge
