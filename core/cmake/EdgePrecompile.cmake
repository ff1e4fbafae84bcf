# edge_precompile(TARGET [HEADER ...]): the standard library, fmt and the given headers are read once for the whole
# target and not once a source, which is two thirds of the time of a build. No header of our own stands here: a change
# to one would build everything anew. A source names what it uses all the same.
option(EDGE_PRECOMPILE "Read the headers of libraries once a target" ON)

function(edge_precompile target)
  if(EDGE_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE
      <algorithm> <array> <atomic> <charconv> <chrono> <coroutine> <cstdint> <cstring> <deque> <expected> <functional>
      <map> <memory> <mutex> <optional> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>
      <fmt/format.h> ${ARGN})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")  # else ccache takes what was read anew for something else
      target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)
    endif()
  endif()
endfunction()
