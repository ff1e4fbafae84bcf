// "Thread 0x… (most recent call first):" and a line for each frame; the thread that wrote it is the "Current thread".
#include "appserver/stack_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace edge {

namespace {

constexpr std::size_t kMostThreads = 64;
constexpr std::size_t kMostFrames = 100;  // of the thread that answers the request
constexpr std::size_t kMostFramesOfOthers = 20;
constexpr std::size_t kLongestFrame = 500;  // bytes
// The gateway's own frames, below those of the app in a main thread.
constexpr std::string_view kBootstrap = "File \"<string>\"";

struct Stack {
  std::uint64_t ident = 0;
  std::vector<std::string_view> frames;
};

std::optional<std::uint64_t> ident_in(std::string_view line) {
  for (const std::string_view begin : {"Thread 0x", "Current thread 0x"}) {
    if (!line.starts_with(begin)) continue;
    std::uint64_t ident = 0;
    const std::string_view digits = line.substr(begin.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), ident, 16);
    return ident;
  }
  return std::nullopt;
}

std::vector<Stack> parse(std::string_view dump) {
  std::vector<Stack> stacks;
  while (!dump.empty()) {
    const std::string_view line = dump.substr(0, dump.find('\n'));
    dump.remove_prefix(std::min(line.size() + 1, dump.size()));
    if (const auto ident = ident_in(line)) {
      if (stacks.size() == kMostThreads) break;
      stacks.push_back({*ident, {}});
    } else if (!stacks.empty() && line.starts_with("  ") && stacks.back().frames.size() < kMostFrames) {
      stacks.back().frames.push_back(line.substr(2, kLongestFrame));
    }
  }
  for (Stack& stack : stacks) {
    while (!stack.frames.empty() && stack.frames.back().starts_with(kBootstrap)) stack.frames.pop_back();
  }
  return stacks;
}

void append(const Stack& stack, const std::string& name, std::size_t most, std::string& to) {
  if (stack.frames.empty()) fmt::format_to(std::back_inserter(to), "{}: not in the app's code\n", name);
  for (const std::string_view frame : std::span(stack.frames).first(std::min(most, stack.frames.size()))) {
    fmt::format_to(std::back_inserter(to), "{}: {}\n", name, frame);
  }
  if (stack.frames.size() > most) {
    fmt::format_to(std::back_inserter(to), "{}: {} frames more\n", name, stack.frames.size() - most);
  }
}

}  // namespace

std::string thread_name(std::size_t thread, std::size_t threads) {
  return threads == 1 ? "MainThread" : fmt::format("edge-{}", thread + 1);
}

std::string stack_text(std::string_view dump, std::span<const std::uint64_t> idents, std::size_t answering,
                       std::string_view role) {
  std::string first;
  std::string others;
  for (const Stack& stack : parse(dump)) {
    const auto found = std::ranges::find(idents, stack.ident);
    const auto thread = static_cast<std::size_t>(found - idents.begin());
    if (thread == answering) {
      append(stack, fmt::format("{} ({})", thread_name(thread, idents.size()), role), kMostFrames, first);
    } else {
      const bool known = found != idents.end();
      const std::string name = known ? thread_name(thread, idents.size()) : fmt::format("thread {:#x}", stack.ident);
      append(stack, name, kMostFramesOfOthers, others);
    }
  }
  return first + others;
}

}  // namespace edge
