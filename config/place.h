// Place: where something stands in the configuration, for errors that are found later.
#pragma once

#include <string>

namespace edge::config {

struct Place {
  std::string file;
  int line = 0;              // from 1
  int column = 0;            // from 1
  std::string text() const;  // "site.yaml:3:7"
};

}  // namespace edge::config
