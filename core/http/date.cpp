// HTTP dates in and out.
#include "core/http/date.h"

namespace edge {
void format_http_date(std::int64_t, char*) {}
}  // namespace edge
