// The host for an app whose machine has a libpython but no interpreter: this process becomes that Python.
#pragma once

#include <string>

namespace edge {

/// Loads `libpython` (a path or a soname such as libpython3.11.so.1.0) and runs `argv` as the `python` program would:
/// argv[0] is the name that Python looks for its home with, so a virtualenv's "…/bin/python" is found even where no
/// such file exists. Call it in a fresh process with one thread, before anything else was set up. Returns Python's exit
/// status, or 127 after a line on standard error when the library cannot be loaded.
int run_embedded_python(const std::string& libpython, int argc, char** argv);

}  // namespace edge
