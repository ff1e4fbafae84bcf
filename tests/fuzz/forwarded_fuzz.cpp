// Fuzz target: whatever stands before what a trusted proxy adds, the proxy's word is what is believed.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/http/forwarded.h"
#include "core/http/path.h"
#include "core/trusted_proxies.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

const edge::TrustedProxies& trusted() {
  static const edge::TrustedProxies proxies = [] {
    edge::AddressSet::Builder builder;
    builder.add(*edge::parse_address_range("10.0.0.0/8"));
    return edge::TrustedProxies{builder.build(), false};
  }();
  return proxies;
}

edge::Forwarded told(std::string_view name, std::string_view value, edge::Arena& arena) {
  edge::HeaderList headers(arena);
  headers.add(name, value);
  return edge::read_forwarded(headers, trusted(), arena);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  edge::Arena arena;
  for (const std::string_view name :
       {"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"}) {
    const edge::Forwarded forwarded = told(name, text, arena);
    if (forwarded.host.empty()) continue;
    const auto again = edge::parse_host(forwarded.host, arena);
    require(again && *again == forwarded.host);
  }
  const edge::Address client = *edge::Address::parse("192.0.2.1:4711");
  const edge::Forwarded standard = told("Forwarded", text + ", for=\"192.0.2.1:4711\";proto=https", arena);
  require(standard.client == client && standard.https == true && standard.host.empty());
  require(told("X-Forwarded-For", text + ", 192.0.2.1:4711, 10.0.0.2", arena).client == client);
  return 0;
}
