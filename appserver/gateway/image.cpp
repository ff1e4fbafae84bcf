// The carried bytes as views.
#include "appserver/gateway/image.h"

extern "C" {
extern const char edge_gateway_begin[];
extern const char edge_gateway_end[];
extern const char edge_bootstrap_begin[];
extern const char edge_bootstrap_end[];
extern const char edge_special_cases_begin[];
extern const char edge_special_cases_end[];
extern const char edge_static_folders_begin[];
extern const char edge_static_folders_end[];
}

namespace edge {

std::string_view gateway_image() {
  return {edge_gateway_begin, edge_gateway_end};
}

std::string_view bootstrap_source() {
  return {edge_bootstrap_begin, edge_bootstrap_end};
}

std::string_view special_cases_source() {
  return {edge_special_cases_begin, edge_special_cases_end};
}

std::string_view static_folders_source() {
  return {edge_static_folders_begin, edge_static_folders_end};
}

}  // namespace edge
