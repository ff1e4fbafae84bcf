// Preconditions, then ranges, then the head: the order of RFC 9110 13.2.2.
#include "static/representation.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "static/byte_ranges.h"
#include "static/conditional.h"
#include "static/multipart_ranges.h"

namespace edge {

namespace {

/// Range is defined for GET alone. One that comes twice is not heeded.
ByteRanges ranges_of(const Request& request, const Validators& validators, std::uint64_t size) {
  const HeaderField* range = nullptr;
  if (request.method != Method::get) return {};
  for (const HeaderField& field : request.headers) {
    if (field.id != HeaderName::range) continue;
    if (range) return {};
    range = &field;
  }
  if (!range || !if_range_holds(request.headers, validators, request.loop.unix_seconds())) return {};
  return ByteRanges::select(range->value, size);
}

Response unsatisfiable(Request& request, std::uint64_t size) {
  Response response = Response::of_status(request.arena, 416);
  response.headers.add(HeaderName::content_range, request.arena.copy(fmt::format("bytes */{}", size)));
  response.headers.add(HeaderName::accept_ranges, "bytes");
  return response;
}

Body body_of(Representation& from, const ByteRange& range) {
  if (const auto* bytes = std::get_if<std::string_view>(&from.content)) {
    return bytes->substr(static_cast<std::size_t>(range.first), static_cast<std::size_t>(range.length));
  }
  return FileRange{std::move(std::get<SharedFd>(from.content)), range.first, range.length};
}

void fill_content(Request& request, Representation& from, const ByteRanges& ranges, Response& response) {
  const std::span<const ByteRange> asked = ranges.ranges();
  if (asked.size() > 1) {
    auto parts = std::make_unique<MultipartRanges>(request.loop, std::move(from.content), from.size, from.type, asked);
    response.headers.add(HeaderName::content_type, request.arena.copy(parts->content_type()));
    response.body = std::move(parts);
    return;
  }
  response.headers.add(HeaderName::content_type, from.type);
  if (!asked.empty()) {
    response.headers.add(HeaderName::content_range, request.arena.copy(content_range(asked[0], from.size)));
  }
  response.body = body_of(from, asked.empty() ? ByteRange{0, from.size} : asked[0]);
}

}  // namespace

Response answer_with(Request& request, Representation representation) {
  Validators validators;
  validators.entity_tag = representation.entity_tag;
  validators.last_modified = representation.modified;
  const Precondition precondition = check_preconditions(request.headers, validators);
  if (precondition == Precondition::failed) return Response::of_status(request.arena, 412);

  ByteRanges ranges;
  if (precondition == Precondition::holds) ranges = ranges_of(request, validators, representation.size);
  if (ranges.outcome() == ByteRanges::Outcome::unsatisfiable) return unsatisfiable(request, representation.size);

  const bool some = ranges.outcome() == ByteRanges::Outcome::some;
  Response response(request.arena, precondition == Precondition::not_modified ? 304 : some ? 206 : 200);
  response.headers.add(HeaderName::etag, validators.entity_tag);
  response.headers.add(HeaderName::last_modified, representation.last_modified);
  if (precondition == Precondition::not_modified) return response;
  response.headers.add(HeaderName::accept_ranges, "bytes");
  if (!representation.encoding.empty()) response.headers.add(HeaderName::content_encoding, representation.encoding);
  fill_content(request, representation, ranges, response);
  return response;
}

}  // namespace edge
