// Runs a fuzz target over its corpus without a fuzzer: what was found once stays mended.
//
//   edge_fuzz_replay NAME FOLDER    each file of FOLDER once, and the empty input; a crash is the failure
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

struct Target {
  std::string_view name;
  int (*run)(const std::uint8_t* data, std::size_t size);
};

#include "replay_targets.h"

namespace {

const Target* target_of(std::string_view name) {
  for (const Target& target : kTargets) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void run(const Target& target, const std::string& input) {
  target.run(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  const Target* target = argc == 3 ? target_of(argv[1]) : nullptr;
  if (!target) {
    std::fprintf(stderr, "usage: edge_fuzz_replay NAME FOLDER, with the name of a file in tests/fuzz\n");
    return 2;
  }
  run(*target, {});
  std::error_code missing;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[2], missing)) {
    std::printf("%s\n", entry.path().filename().c_str());
    std::fflush(stdout);
    run(*target, content_of(entry.path()));
    ++count;
  }
  std::printf("%s: %d inputs of its corpus and the empty one\n", argv[1], count);
  return 0;
}
