// PageRequest: a request as long as an error page is made for it: one for the page alone, a GET unless it is a HEAD,
// without content, conditions and a tunnel.
#pragma once

#include <string_view>

#include "core/http/no_body.h"
#include "core/http/request.h"

namespace edge {

/// Of a coroutine that serves the request, which outlives it. With its end the request is the client's again.
class PageRequest {
 public:
  PageRequest(Request& request, std::string_view page);
  PageRequest(const PageRequest&) = delete;
  PageRequest& operator=(const PageRequest&) = delete;
  ~PageRequest();

 private:
  NoBody no_body_;
  Request& request_;
  const Route* const route_;
  const std::string_view path_;
  const std::string_view query_;
  const bool has_query_;
  const std::string_view upgrade_;
  const Method method_;
  const std::string_view method_name_;
  const HeaderList headers_;
  const RequestBodyRef body_;
};

}  // namespace edge
