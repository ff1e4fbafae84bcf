// ${NAME} and ${NAME:-default} in a value, taken from the environment.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/load.h"

namespace edge::config {

struct Substituted {
  struct Fault {
    std::size_t offset;  // of the "$", in bytes
    std::string message;
  };
  std::string text;
  bool changed = false;
  std::vector<Fault> faults;
};

/// NAME is an upper-case letter or "_", then upper-case letters, digits and "_"; so ${host} stays what it is, a
/// variable of the request. ":-" gives what holds when NAME is unset or empty, up to the first "}".
Substituted substitute(const std::string& text, const Environment& environment);

}  // namespace edge::config
