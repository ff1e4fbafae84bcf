// H2Head: the header fields of one HTTP/2 request on their way into a Request (RFC 9113 8.2, 8.3). nghttp2 has checked
// order, spelling and what belongs to HTTP/1 only; limits and meaning are checked here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/request.h"
#include "core/http/settings.h"
#include "core/result.h"

namespace edge {

class H2Head {
 public:
  /// Prepares for the head of a new request; both live as long as the request.
  void begin(Request& request, const HttpSettings& limits);
  /// Copies a field into the request's arena; what goes beyond a limit is left out and refused in the end.
  void add(std::string_view name, std::string_view value);
  /// The head is complete. An error is to be refused.
  Result<void> complete();

  bool expects_continue() const { return expects_continue_; }
  std::optional<std::uint64_t> content_length() const { return content_length_; }

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void refuse(ErrorKind kind, const char* why);
  void join_cookies();

  Request* request_ = nullptr;
  const HttpSettings* limits_ = nullptr;
  std::string_view authority_;
  std::string_view protocol_;
  std::size_t size_ = 0;
  std::optional<std::uint64_t> content_length_;
  bool expects_continue_ = false;
  bool refused_ = false;
  Error error_;
};

}  // namespace edge
