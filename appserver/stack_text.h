// The stacks of a worker's threads as an operator reads them, made from what CPython's faulthandler wrote.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace edge {

/// A thread of the worker that serves requests: "MainThread" or "edge-2", as Python and py-spy call it.
std::string thread_name(std::size_t thread, std::size_t threads);

/// A line for each frame, the innermost first, behind the name of its thread; those of thread number `answering` first,
/// with its `role`.
/// `idents` are the names that faulthandler gives to the serving threads, by their number. Bounded, whatever the worker
/// has written; empty when `dump` holds no stack.
std::string stack_text(std::string_view dump, std::span<const std::uint64_t> idents, std::size_t answering,
                       std::string_view role = "answers this request");

}  // namespace edge
