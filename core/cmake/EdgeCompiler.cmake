# Compiler floor and flags that hold in every room.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} is refused: before version 14 it miscompiles coroutines (awaits in "
    "conditions, aggregate temporaries) without a warning. Use clang++-19 (Debian 12: apt-get install clang-19) "
    "with -DCMAKE_CXX_COMPILER=clang++-19, or GCC 14 or later.")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "clang ${CMAKE_CXX_COMPILER_VERSION} is refused: edge needs clang 19 or later "
    "(Debian 12: apt-get install clang-19) or GCC 14 or later.")
endif()

add_library(edge_flags INTERFACE)
target_compile_options(edge_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror>
  $<$<COMPILE_LANGUAGE:C,CXX>:-fno-omit-frame-pointer -fstack-protector-strong>)
if(EDGE_SANITIZE)
  target_compile_options(edge_flags INTERFACE
    $<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=${EDGE_SANITIZE} -fno-sanitize-recover=all>)
  target_link_options(edge_flags INTERFACE -fsanitize=${EDGE_SANITIZE})
  target_compile_definitions(edge_flags INTERFACE EDGE_SANITIZED=1)
endif()
if(EDGE_FUZZ)
  set(explored $<NOT:$<STREQUAL:$<TARGET_PROPERTY:NAME>,edge_unit>>)  # a test is no code to find ways in
  target_compile_options(edge_flags INTERFACE
    $<$<AND:$<COMPILE_LANGUAGE:C,CXX>,${explored}>:-fsanitize=fuzzer-no-link>)
endif()
find_program(EDGE_LLD NAMES ld.lld-19 ld.lld)
if(EDGE_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(edge_flags INTERFACE -fuse-ld=lld)
  if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)  # a link after a small change takes seconds then
    target_link_options(edge_flags INTERFACE -Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/lto)
  endif()
endif()
