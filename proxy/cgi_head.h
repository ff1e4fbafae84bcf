// The head of a CGI program's answer (RFC 3875 6.3): fields, of which Status is the answer's. Bytes in, views out.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/http/received_answer.h"
#include "core/result.h"

namespace edge {

/// Where the empty line that ends a head ends; npos: not in `text`. Lines end in LF, with or without CR.
/// `searched`: so many bytes were looked at in an earlier call, with less text.
std::size_t cgi_head_end(std::string_view text, std::size_t searched);

/// Fills `head` from `text`, a whole head with its empty line, which must live as long as `head`. Without Status the
/// answer is 200, or 302 where there is a Location. Fields that concern a connection are left out. Errors, of
/// bad_gateway and Side::upstream: a line that is no field, a folded line, a control byte, more fields than `most`, a
/// Status that is none or interim, more than one Content-Length or one that is no number, any Transfer-Encoding.
Result<void> parse_cgi_head(std::string_view text, std::size_t most, ReceivedHead& head);

}  // namespace edge
