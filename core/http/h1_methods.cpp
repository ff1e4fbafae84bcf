// llhttp's table.
#include "core/http/h1_methods.h"

#include <llhttp.h>

#include <algorithm>
#include <array>

namespace edge {
namespace {

constexpr auto kMethods = std::to_array<std::string_view>({
#define EDGE_METHOD(number, name, text) #text,
    HTTP_METHOD_MAP(EDGE_METHOD)
#undef EDGE_METHOD
});

}  // namespace

bool is_known_method(std::string_view name) {
  return std::ranges::find(kMethods, name) != kMethods.end();
}

}  // namespace edge
