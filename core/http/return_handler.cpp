// A configured answer.
#include "core/http/return_handler.h"

#include <utility>

namespace edge {
namespace {

std::string_view text_of(const Template& body, const Request& request) {
  if (body.constant()) return body.source();
  thread_local std::string rendered;
  rendered.clear();
  body.render(request, rendered);
  return request.arena.copy(rendered);
}

}  // namespace

ReturnHandler::ReturnHandler(int status, Template body, std::string type)
    : status_(status), body_(std::move(body)), type_(std::move(type)) {}

Task<Response> ReturnHandler::handle(Request& request) {
  Response response(request.arena, status_);
  const std::string_view text = text_of(body_, request);
  if (!text.empty()) {
    response.headers.add(HeaderName::content_type, type_);
    response.body = text;
  }
  co_return response;
}

}  // namespace edge
