// Gathering: a file and all that it includes, merged into one tree.
#pragma once

#include <string>

#include "config/document.h"
#include "config/loading.h"

namespace edge::config {

inline constexpr std::size_t kMostFiles = 1000;

/// The merged top level: maps of named things and lists of all files joined, in the order in which the files were
/// read (a file before those that it includes); null when nothing could be read. Sets `loading.incomplete` when some
/// file could not be. `include` itself is taken out.
NodePtr gather_files(const std::string& file, Loading& loading);

}  // namespace edge::config
