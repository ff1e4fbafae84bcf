// An answer's head: what the app hands to start_response, checked by PEP 3333 and in the wire's encoding.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "appserver/gateway/python.h"

namespace edge::gateway {

struct Head {
  std::uint16_t status = 0;
  std::uint32_t size = 0;                       // bytes that encode_head wrote
  std::optional<std::uint64_t> content_length;  // of the body; nothing when the edge is to send a file in its place
};

/// Writes reason and header fields of `status` ("200 OK") and `headers` (a list of (str, str)) into `to`. false, with a
/// TypeError or ValueError that says which field is wrong: nothing in `head` or `to` means anything then.
bool encode_head(PyObject* status, PyObject* headers, std::span<char> to, Head& head);

}  // namespace edge::gateway
