// The header fields of an answer that the front door writes itself, whatever a handler or an app says.
#pragma once

#include "core/http/header_list.h"

namespace edge {

inline bool is_the_doors_own(HeaderName id) {
  switch (id) {
    case HeaderName::connection:
    case HeaderName::content_length:
    case HeaderName::date:
    case HeaderName::keep_alive:
    case HeaderName::server:
    case HeaderName::transfer_encoding:
      return true;
    default:
      return false;
  }
}

/// RFC 9110 10.1.4: whether the client takes fields behind the content.
inline bool takes_trailers(const HeaderList& of_request) {
  return list_has(of_request.get(HeaderName::te), "trailers");
}

}  // namespace edge
