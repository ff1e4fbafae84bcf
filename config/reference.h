// The reference of the configuration, made from the schema.
#pragma once

#include <string>

namespace edge::config {

/// Markdown: the rules that hold everywhere, then a table of keys for each section.
std::string reference_markdown();

}  // namespace edge::config
