// The scope of an ASGI request, made straight from the variables of a uwsgi packet.
#pragma once

#include <string_view>

#include "appserver/gateway/environ.h"
#include "appserver/gateway/names.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// Of a whole worker. Needs the interpreter's lock.
class Scopes {
 public:
  Scopes();

  /// Once, before the first build(). false with an error set.
  bool prepare();

  /// `block`: the packet's variables. `facts` is filled in. `to` has None as its "state".
  Environ::Built build(std::string_view block, RequestFacts& facts, Ref& to);

 private:
  struct Parts;

  Environ::Built read(std::string_view block, Parts& parts, RequestFacts& facts);
  bool put(std::string_view name, std::string_view value, Parts& parts, RequestFacts& facts);
  static bool add_header(std::string_view name, Name* known, std::string_view value, PyObject* to);
  /// With "edge.user": {"name", "type"} where the client was verified.
  Ref extensions(const Parts& parts) const;
  bool fill(PyObject* scope, Parts& parts) const;

  Names names_;
  Ref base_;
  Ref asgi_;
  Ref extensions_;
  struct Keys {
    Ref asgi, extensions, http_version, method, scheme, path, raw_path, query_string, root_path, headers, client,
        server, state, user, user_name, user_type;
  } keys_;
};

}  // namespace edge::gateway
