// Preconditions, then ranges, then the head: the order of RFC 9110 13.2.2.
#include "static/representation.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "static/byte_ranges.h"
#include "static/conditional.h"
#include "static/multipart_ranges.h"

namespace edge {

namespace {

constexpr std::string_view kVary = "Accept-Encoding";
constexpr HeaderNames kConditions = {HeaderName::if_match, HeaderName::if_none_match, HeaderName::if_modified_since,
                                     HeaderName::if_unmodified_since, HeaderName::range};

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

Response refusal(Request& request, int status, const RepresentationFields& fields) {
  Response response = Response::of_status(request.arena, status);
  if (fields.varies()) response.headers.add(HeaderName::vary, kVary);
  return response;
}

Response unsatisfiable(Request& request, const Representation& from) {
  Response response = refusal(request, 416, *from.fields);
  response.headers.add(HeaderName::content_range, request.arena.copy(fmt::format("bytes */{}", from.size)));
  response.headers.add(HeaderName::accept_ranges, "bytes");
  return response;
}

Body body_of(Representation& from, const ByteRange& range) {
  if (const auto* bytes = std::get_if<std::string_view>(&from.content)) {
    return bytes->substr(static_cast<std::size_t>(range.first), static_cast<std::size_t>(range.length));
  }
  return FileRange{std::move(std::get<SharedFd>(from.content)), range.first, range.length};
}

Response whole(Request& request, Representation& from) {
  Response response(request.arena, 200, from.fields->of_200());
  response.body = body_of(from, {0, from.size});
  return response;
}

Response partial(Request& request, Representation& from, std::span<const ByteRange> ranges) {
  if (ranges.size() == 1) {
    Response response(request.arena, 206, from.fields->of_200());
    response.headers.add(HeaderName::content_range, request.arena.copy(content_range(ranges[0], from.size)));
    response.body = body_of(from, ranges[0]);
    return response;
  }
  Response response(request.arena, 206, from.fields->without_type());
  auto parts =
      std::make_unique<MultipartRanges>(request.loop, std::move(from.content), from.size, from.fields->type(), ranges);
  response.headers.add(HeaderName::content_type, request.arena.copy(parts->content_type()));
  response.body = std::move(parts);
  return response;
}

std::vector<HeaderField> fields_of(const RepresentationFields::Facts& facts) {
  std::vector<HeaderField> fields;
  const auto add = [&fields](HeaderName id, std::string_view value) {
    fields.push_back({header_spelling(id), value, id});
  };
  add(HeaderName::etag, facts.entity_tag);
  add(HeaderName::last_modified, facts.last_modified);
  if (facts.varies) add(HeaderName::vary, kVary);
  if (facts.encoding.empty()) {
    add(HeaderName::accept_ranges, "bytes");
  } else {  // ranges are of the plain file: one added to what came encoded would spoil it
    add(HeaderName::content_encoding, facts.encoding);
  }
  add(HeaderName::content_type, facts.type);
  return fields;
}

}  // namespace

RepresentationFields::RepresentationFields(const Facts& facts)
    : fields_(fields_of(facts)), size_of_304_(facts.varies ? 3 : 2), varies_(facts.varies) {}

Response answer_with(Request& request, Representation representation) {
  if (!request.headers.may_have(kConditions)) return whole(request, representation);
  const RepresentationFields& fields = *representation.fields;
  const Validators validators{fields.entity_tag(), representation.modified};
  const Precondition precondition = check_preconditions(request.headers, validators);
  if (precondition == Precondition::failed) return refusal(request, 412, fields);
  if (precondition == Precondition::not_modified) return {request.arena, 304, fields.of_304()};
  const ByteRanges ranges = ranges_of(request, validators, representation.size);
  switch (ranges.outcome()) {
    case ByteRanges::Outcome::unsatisfiable:
      return unsatisfiable(request, representation);
    case ByteRanges::Outcome::some:
      return partial(request, representation, ranges.ranges());
    case ByteRanges::Outcome::whole:
      break;
  }
  return whole(request, representation);
}

}  // namespace edge
