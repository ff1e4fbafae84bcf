// ReturnHandler: an answer that stands in the configuration: `return: {status, body, type}`.
#pragma once

#include <string>

#include "core/http/handler.h"
#include "core/http/template.h"

namespace edge {

/// Answers every method alike; a body of the request is not read.
class ReturnHandler final : public Handler {
 public:
  /// `type` is the Content-Type, left out when the body is empty.
  ReturnHandler(int status, Template body, std::string type);
  Task<Response> handle(Request& request) override;

 private:
  int status_;
  Template body_;
  std::string type_;
};

}  // namespace edge
