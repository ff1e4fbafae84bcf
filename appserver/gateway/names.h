// The names of variables as Python keys, found by their bytes, each with the value that came under it last.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "appserver/gateway/python.h"

namespace edge::gateway {

/// What a variable says to the gateway itself, besides being in the environ.
enum class Meaning : std::uint8_t {
  none,
  method,
  request_id,
  scheme,
  https,
  // To an ASGI scope only:
  script_name,
  path,
  query,
  target,
  protocol,
  server_name,
  server_port,
  client_address,
  client_port,
  user,
  auth_type,
};

/// One name that may come again.
struct Name {
  std::string bytes;
  Ref key;  // as make_key made it
  Meaning meaning = Meaning::none;
  std::uint32_t always = 0;  // its bit, when every request has it; else 0
  bool repeats = false;      // its value tends to be that of the request before
  std::string last_bytes;
  Ref last_value;

  /// The value as `make`, always the same for one name, makes it of bytes; a new reference. Null with an error set: no
  /// memory.
  Ref value(std::string_view value_bytes, Ref (*make)(std::string_view) = native_string);
};

/// Open addressing over a fixed number of places: what clients invent as header names cannot make it grow. Lives as
/// long as the process. Needs the interpreter's lock.
class Names {
 public:
  /// `make_key` makes the key of a name; nothing with an error set when there is no memory.
  explicit Names(Ref (*make_key)(std::string_view)) : make_key_(make_key) {}

  /// All names that the gateway knows beforehand. false with an error set.
  bool prepare();
  /// Null when the name is not there and there is no more room for it.
  Name* find(std::string_view bytes);
  /// The names that every request has, in the order of their bits.
  template <class Visit>
  void for_each_always(Visit visit) const {
    for (const std::unique_ptr<Name>& place : places_) {
      if (place && place->always != 0) visit(*place);
    }
  }

 private:
  static constexpr std::size_t kPlaces = 1024;  // a power of two
  static constexpr std::size_t kProbes = 8;
  static constexpr std::size_t kMostNames = 512;
  static constexpr std::size_t kLongestName = 64;

  Name* add(std::string_view bytes, std::unique_ptr<Name>& place);

  Ref (*make_key_)(std::string_view);
  std::array<std::unique_ptr<Name>, kPlaces> places_;
  std::size_t count_ = 0;
};

}  // namespace edge::gateway
