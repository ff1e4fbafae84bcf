// The names of methods, and the request id: a secret of the thread and a counter, so that no request costs a call of
// the kernel.
#include "core/http/request.h"

#include <sys/random.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace edge {
namespace {

constexpr std::size_t kIdSize = 32;

/// One for each thread: ids of two threads differ in the prefix, those of one thread in the number.
struct IdSource {
  std::uint64_t prefix = 0;
  std::uint64_t number = 0;

  IdSource() {
    std::array<std::uint64_t, 2> random{};
    if (getentropy(random.data(), sizeof random) != 0) {
      std::perror("edge: no random numbers from the kernel");
      std::abort();
    }
    prefix = random[0];
    number = random[1];
  }

  /// A bijection of 64 bits (the finaliser of splitmix64): numbers stay distinct, and an id shows a client neither
  /// the one before it nor how many there were.
  std::uint64_t next() {
    std::uint64_t z = number++ * 0x9e3779b97f4a7c15U + prefix;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
};

void write_hex(std::uint64_t value, char* to) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int i = 15; i >= 0; --i, value >>= 4U) to[i] = kDigits[value & 0xfU];
}

}  // namespace

Method method_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Method>, 9> kMethods = {{
      {"GET", Method::get},
      {"HEAD", Method::head},
      {"POST", Method::post},
      {"PUT", Method::put},
      {"DELETE", Method::delete_},
      {"OPTIONS", Method::options},
      {"TRACE", Method::trace},
      {"CONNECT", Method::connect},
      {"PATCH", Method::patch},
  }};
  for (const auto& [known, method] : kMethods) {
    if (known == name) return method;
  }
  return Method::other;
}

std::uint16_t Request::server_port() const {
  if (forwarded.port != 0) return forwarded.port;
  if (forwarded.https || !forwarded.host.empty()) return secure() ? 443 : 80;
  return connection->local.family == Address::Family::none ? 0 : connection->local.port;
}

std::string_view version_text(HttpVersion version) {
  switch (version) {
    case HttpVersion::http10:
      return "HTTP/1.0";
    case HttpVersion::http11:
      return "HTTP/1.1";
    case HttpVersion::http2:
      return "HTTP/2.0";
  }
  return {};
}

std::string_view Request::id() const {
  if (id_.empty()) {
    thread_local IdSource source;
    char* const to = arena.allocate_chars(kIdSize);
    write_hex(source.prefix, to);
    write_hex(source.next(), to + kIdSize / 2);
    id_ = {to, kIdSize};
  }
  return id_;
}

}  // namespace edge
