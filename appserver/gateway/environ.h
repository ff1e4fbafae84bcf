// The environ of PEP 3333, made straight from the variables of a uwsgi packet.
#pragma once

#include <string_view>

#include "appserver/gateway/names.h"
#include "appserver/gateway/python.h"

namespace edge::gateway {

/// What the gateway itself needs to know of a request. Views into the packet.
struct RequestFacts {
  bool is_head = false;
  std::string_view request_id;
};

/// Of a whole worker: each environ is a copy of one dict that holds every key which a request always has, so that
/// filling it neither grows nor rehashes it. Needs the interpreter's lock.
class Environ {
 public:
  Environ();

  /// Once, before the first build(). false with an error set.
  bool prepare(bool multithread, bool multiprocess);

  enum class Built : std::uint8_t { ok, broken_packet, python_error };
  /// What an environ has besides the packet's variables.
  struct Objects {
    PyObject* input;         // wsgi.input
    PyObject* disconnected;  // edge.disconnected
  };
  /// `block`: the packet's variables. `facts` is filled in.
  Built build(std::string_view block, const Objects& objects, RequestFacts& facts, Ref& to);

 private:
  bool put(PyObject* environ, std::string_view name, std::string_view value, RequestFacts& facts, std::uint32_t& seen);
  bool apply(Meaning meaning, std::string_view value, PyObject* environ, RequestFacts& facts);
  bool remove_missing(PyObject* environ, std::uint32_t seen) const;

  Names names_;
  Ref base_;
  Ref input_key_;
  Ref disconnected_key_;
  Ref scheme_key_;
  Ref https_;
  std::uint32_t always_ = 0;
};

}  // namespace edge::gateway
