// Out with what was meant for something else, and in again.
#include "core/http/page_request.h"

#include <utility>

#include "core/http/conditions.h"

namespace edge {

PageRequest::PageRequest(Request& request, std::string_view page)
    : request_(request),
      route_(request.route),
      path_(std::exchange(request.path, page)),
      query_(request.query),
      has_query_(request.has_query),
      upgrade_(std::exchange(request.upgrade, {})),
      method_(request.method),
      method_name_(request.method_name),
      headers_(std::exchange(request.headers, without_conditions(request.headers))),
      body_(std::exchange(request.body, no_body_)) {
  for (const HeaderName name : {HeaderName::content_encoding, HeaderName::content_length, HeaderName::content_type,
                                HeaderName::expect, HeaderName::transfer_encoding}) {
    request.headers.remove(name);
  }
  if (method_ == Method::head) return;
  request.method = Method::get;
  request.method_name = "GET";
}

PageRequest::~PageRequest() {
  request_.route = route_;
  request_.path = path_;
  request_.query = query_;
  request_.has_query = has_query_;
  request_.upgrade = upgrade_;
  request_.method = method_;
  request_.method_name = method_name_;
  request_.headers = headers_;
  request_.body = body_;
}

}  // namespace edge
