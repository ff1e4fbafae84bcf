// The head of an ASGI answer: http.response.start's status and headers, checked and in the wire's encoding.
#pragma once

#include <span>

#include "appserver/gateway/head.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// `status` is an int; `headers` is an iterable of pairs of bytes, or null for none. What is the server's own
/// (Connection, Transfer-Encoding …) is left out, as ASGI wants it. Writes into `to`. false, with a TypeError or
/// ValueError that says which field is wrong: nothing in `head` or `to` means anything then.
bool encode_asgi_head(PyObject* status, PyObject* headers, std::span<char> to, Head& head);

}  // namespace edge::gateway
