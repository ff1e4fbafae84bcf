// The limit of open files: raised for this process, and given back to the programs that it runs.
#pragma once

#include <cstdint>

namespace edge {

/// The soft limit becomes the hard one. Returns it. Before other threads and programs are started.
std::uint64_t raise_open_files();

/// The soft limit is again what it was before raise_open_files(), which need not have been called: a program that uses
/// select(2) relies on a low one. But it stays above `at_least`. Safe between fork and exec.
void restore_open_files(std::uint64_t at_least);

}  // namespace edge
