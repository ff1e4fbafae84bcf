// Fuzz target: a PROXY header is the same however its bytes come, and never asks for more than its bound.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/net/proxy_protocol.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using edge::ProxyHeader;
  using Step = ProxyHeader::Step;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = edge::read_proxy_header(bytes);
  require(whole.step != Step::need_more || size < edge::kMostProxyHeader);
  require((whole.step == Step::malformed) == !whole.why.empty());
  const std::size_t end = whole.step == Step::complete ? whole.consumed : 0;
  require(end <= std::min(size, edge::kMostProxyHeader));
  if (whole.tells_client) {
    require(end > 0 && whole.source.family != edge::Address::Family::none);
    require(whole.destination.family != edge::Address::Family::none);
  }
  for (std::size_t part = 0; part < std::min<std::size_t>(size, 256); ++part) {
    const ProxyHeader seen = edge::read_proxy_header(bytes.substr(0, part));
    if (whole.step == Step::complete) require(seen.step == (part < end ? Step::need_more : Step::complete));
    if (whole.step == Step::need_more) require(seen.step == Step::need_more);
    if (seen.step == Step::malformed) require(whole.step == Step::malformed);
  }
  return 0;
}
