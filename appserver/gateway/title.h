// What ps, top and py-spy call this process: "edge: blog worker 3 gen 7", and "edge: blog w3" where there is little
// room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace edge::gateway {

/// Of which app and generation this process is.
struct AppName {
  std::string app;
  std::uint32_t generation = 0;
};

/// As much of it as the command line had room for. sys.argv stays as it is.
void show_as_zygote(const AppName& name);
void show_as_worker(const AppName& name, std::uint32_t worker);
/// The calling thread's name for the kernel, cut to 15 bytes.
void name_thread(std::string_view name);

}  // namespace edge::gateway
