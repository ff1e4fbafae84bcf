// Which script of a FastCGI server a path asks for.
#pragma once

#include <string>
#include <string_view>

namespace edge {

/// How paths become scripts.
struct FastCgiSettings {
  std::string root;   // the folder of the scripts, as the server sees it
  std::string index;  // of a path that ends in "/"; empty: none
};

struct ScriptPath {
  std::string script;          // below the root, begins with "/"
  std::string_view path_info;  // what follows it; points into the path
};

/// "/blog/index.php/2026/a" is "/blog/index.php" and "/2026/a": the script ends with the first ".php" that ends a
/// segment. A path without one is a script as a whole, with the index behind its last "/". `path` is decoded and
/// normalised, so nothing leads above the root.
ScriptPath script_path(std::string_view path, std::string_view index);

}  // namespace edge
