// Several texts one behind the other, in an arena.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>

#include "core/arena.h"
#include "core/text_writer.h"

namespace edge {

inline std::string_view joined(Arena& arena, std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  TextWriter text(arena.allocate_chars(size), size);
  for (const std::string_view part : parts) text.add(part);
  return text.written();
}

}  // namespace edge
