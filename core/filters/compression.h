// Compression: whether and how an answer is sent in a content coding (RFC 9110 8.4), and what its head says then.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/http/header_list.h"
#include "core/http/request.h"
#include "core/http/response.h"
#include "core/http/settings.h"

namespace edge {

/// Codes the answer as the client likes best. Of an answer that may be coded, by its type and by what it says of
/// itself, Vary names Accept-Encoding from then on, coded or not. One that is coded has a weak ETag (the bytes are
/// others), neither length nor ranges, and the head of one to HEAD is that of a GET. Left alone: an answer whose coding
/// is settled; a file; partial content; what has an encoding already, a digest of its bytes, or the word no-transform;
/// what is smaller than min_size or would not become smaller. A 304 has the weak tag under which the client knows the
/// content. Bytes up to kMostOnLoop are coded here, on the loop's thread; all else becomes a CompressedBody.
void compress_answer(const CompressSettings& settings, const Request& request, Response& response);

/// Whether a Content-Type, whose parameters do not count, is one of `patterns`: "text/css", "text/*" or "*/*".
bool is_type_among(std::string_view content_type, std::span<const std::string> patterns);
/// Adds Accept-Encoding to what Vary names, unless it is there or Vary is "*".
void vary_by_encoding(HeaderList& headers);

}  // namespace edge
