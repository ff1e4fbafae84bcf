// The fields of an answer's head, whatever interface the app speaks: their characters, the names that only a server may
// send, the promised length.
#pragma once

#include <span>
#include <string_view>

#include "appserver/gateway/head.h"
#include "core/uwsgi/packet.h"

namespace edge::gateway {

/// Sets a ValueError of that text, in which %R is `what`. Always false.
bool refuse(const char* why, PyObject* what);

/// Neither a line break nor any other control character but the tab.
bool is_clean(std::string_view value);

/// Fields of one connection, which are the server's own (RFC 9110 7.6.1, PEP 3333).
bool is_hop_by_hop(std::string_view name);

/// One field as the app gave it, and its bytes.
struct HeadField {
  std::string_view name;
  std::string_view value;
  PyObject* name_object = nullptr;
  PyObject* value_object = nullptr;
  PyObject* whole = nullptr;
};

/// Encodes one head into memory of the caller. Needs the interpreter's lock.
class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> to) : block_(to.data(), to.size()), capacity_(to.size()) {}

  /// First of all; empty: the edge says what is usual for the status.
  void add_reason(std::string_view reason) { block_.add({}, reason); }
  /// false with a ValueError that says what is wrong with the field.
  bool add(const HeadField& field);
  /// Fills in size and length. false with a ValueError: the head is too large.
  bool finish(Head& head);

 private:
  bool note_length(const HeadField& field);

  uwsgi::BlockWriter block_;
  std::size_t capacity_;
  std::optional<std::uint64_t> content_length_;
  bool redirected_ = false;
};

}  // namespace edge::gateway
