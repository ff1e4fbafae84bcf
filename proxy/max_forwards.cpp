// The value is counted down as it goes by.
#include "proxy/max_forwards.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace edge {

namespace {

constexpr std::string_view kMaxForwards = "Max-Forwards";

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, status] = std::from_chars(text.data(), end, value);
  return !text.empty() && status == std::errc() && at == end ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<Response> count_forward(Request& request, UpstreamRequest& asked) {
  if (request.method != Method::options && request.method != Method::trace) return std::nullopt;
  const HeaderField* const field = asked.headers.find(kMaxForwards);
  const std::optional<std::uint64_t> left = field ? number(field->value) : std::nullopt;
  if (!left) return std::nullopt;
  if (*left == 0) {
    // What arrived is not shown to who asks with TRACE: it may be another than who sent the cookies.
    return request.method == Method::options ? Response(request.arena, 204) : Response::of_status(request.arena, 501);
  }
  asked.headers.remove(kMaxForwards);
  asked.headers.add(kMaxForwards, request.arena.copy(std::to_string(*left - 1)));
  return std::nullopt;
}

}  // namespace edge
