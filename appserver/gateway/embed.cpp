// Py_BytesMain of a library that is known at run time only.
#include "appserver/gateway/embed.h"

#include <dlfcn.h>

#include <cstdio>

namespace edge {

int run_embedded_python(const std::string& libpython, int argc, char** argv) {
  constexpr int kNotFound = 127;  // what a shell answers for a command that is missing
  // Global, because extension modules take Python's symbols from the process and not from a library of their own.
  void* library = dlopen(libpython.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    std::fprintf(stderr, "edge: cannot load the Python library %s: %s\n", libpython.c_str(), dlerror());
    return kNotFound;
  }
  using Main = int (*)(int, char**);
  const auto run = reinterpret_cast<Main>(dlsym(library, "Py_BytesMain"));
  if (run == nullptr) {
    std::fprintf(stderr, "edge: %s is not a library of CPython 3.9 or later: %s\n", libpython.c_str(), dlerror());
    return kNotFound;
  }
  return run(argc, argv);
}

}  // namespace edge
