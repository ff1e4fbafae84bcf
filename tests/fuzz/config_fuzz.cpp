// Fuzzing of the configuration: any bytes as a site file, with an include and an environment.
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/load.h"
#include "unit/config_memory_machine.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  edge::config::MemoryMachine machine;
  const std::string text(reinterpret_cast<const char*>(data), size);
  machine.add_file("site.yaml", text);
  machine.add_file("other.yaml", "apps: {blog: {module: blog}}\n");
  machine.set_variable("NAME", text.substr(0, 100));
  const auto snapshot = edge::config::load("site.yaml", machine);
  if (!snapshot && snapshot.error().empty()) __builtin_trap();
  return 0;
}
