// Representation (RFC 9110 3.2): the one form of a file that a request gets, and the answer that it becomes by the
// request's conditions and ranges.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "core/http/ready_fields.h"
#include "core/http/request.h"
#include "core/http/response.h"
#include "core/shared_fd.h"

namespace edge {

/// The fields of its 200. Those that a 304 has too come first, Content-Type is the last.
class RepresentationFields {
 public:
  struct Facts {
    std::string_view entity_tag;     // another one for each encoding of the same file
    std::string_view last_modified;  // as HTTP writes it
    std::string_view encoding;       // Content-Encoding; empty: identity
    std::string_view type;           // Content-Type
    bool varies = false;             // by Accept-Encoding
  };
  explicit RepresentationFields(const Facts& facts);

  std::string_view entity_tag() const { return fields_.value(0); }
  bool varies() const { return varies_; }
  std::string_view type() const { return fields_.value(fields_.size() - 1); }
  LentFields of_304() const { return fields_.first(size_of_304_); }
  LentFields of_200() const { return fields_.all(); }
  LentFields without_type() const { return fields_.first(fields_.size() - 1); }
  /// Bytes on the heap.
  std::size_t memory() const { return fields_.memory(); }

 private:
  ReadyFields fields_;
  std::size_t size_of_304_;
  bool varies_;
};

/// All of it must live as long as the answer (Response::keep) or the request.
struct Representation {
  std::variant<std::string_view, SharedFd> content;
  std::uint64_t size = 0;     // of the content, in bytes
  std::int64_t modified = 0;  // seconds since the epoch, not in the future
  const RepresentationFields* fields = nullptr;
};

/// To a GET or HEAD: 304 or 412 by the preconditions, then 206 or 416 by Range (GET only, RFC 9110 14.2), else 200.
Response answer_with(Request& request, Representation representation);

}  // namespace edge
