// From a server's head to what the client is sent: fields of the connection dropped, places turned back to the
// client's.
#pragma once

#include <string_view>

#include "core/http/response.h"
#include "proxy/request_mapping.h"
#include "proxy/upstream_codec.h"

namespace edge {

/// What the head of an answer told edge itself.
struct AnswerOrders {
  bool unbuffered = false;  // X-Accel-Buffering: no
};

/// Fills the response but for its body. `asked`: what was sent to the server. `rewrite`: Location, and the
/// paths of cookies, where the route changes paths or the host was another than the client's. X-Accel-Redirect, else
/// X-Sendfile, becomes the response's redirect.
AnswerOrders map_answer(const Request& request, const ForwardRules& rules, const UpstreamRequest& asked, bool rewrite,
                        const UpstreamCodec::Head& head, Response& to);

/// The fields of an interim answer that are the client's: what would be an order in the final one is no order, and
/// tells nobody of paths of the machine.
HeaderList without_orders(const HeaderList& headers);

}  // namespace edge
