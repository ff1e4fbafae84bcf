// One search for the suffix.
#include "proxy/script_path.h"

namespace edge {

ScriptPath script_path(std::string_view path, std::string_view index) {
  constexpr std::string_view kSuffix = ".php";
  for (std::size_t at = path.find(kSuffix); at != path.npos; at = path.find(kSuffix, at + 1)) {
    const std::size_t end = at + kSuffix.size();
    if (end == path.size() || path[end] == '/') return {std::string(path.substr(0, end)), path.substr(end)};
  }
  std::string script(path);
  if (script.ends_with('/')) script.append(index);
  return {std::move(script), {}};
}

}  // namespace edge
