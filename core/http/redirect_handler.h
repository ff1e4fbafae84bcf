// RedirectHandler: sends the client elsewhere: `redirect: {to, status}`.
#pragma once

#include "core/http/handler.h"
#include "core/http/template.h"

namespace edge {

class RedirectHandler final : public Handler {
 public:
  /// `status` is 301, 302, 303, 307 or 308.
  RedirectHandler(Template to, int status);
  /// Location is `to` for this request, with every byte that a URL may not hold as %HH: line breaks first of all
  /// (another header), and "\", which browsers take for "/". Where `to` itself does not begin with "//", the result
  /// does not either: what a client sent as path or argument never becomes the name of another host. A `to` that
  /// renders to nothing leads nowhere: 404.
  Task<Response> handle(Request& request) override;

 private:
  Template to_;
  int status_;
};

}  // namespace edge
