// What it costs to look for an address among a million, and to build such a set.
#include "core/address_set.h"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

using namespace edge;

namespace {

constexpr std::size_t kEntries = 1'000'000;
constexpr std::size_t kAsked = 1 << 16U;

/// Random behind the first `fixed` bytes, which are those of 2001:db8::/32.
std::vector<Address> random_addresses(Address::Family family, std::size_t fixed, std::size_t count, unsigned seed) {
  constexpr std::uint8_t kPrefix[] = {0x20, 0x01, 0x0d, 0xb8};
  std::mt19937 random(seed);
  std::vector<Address> addresses(count);
  for (Address& address : addresses) {
    address.family = family;
    const std::size_t size = family == Address::Family::ipv4 ? 4 : 16;
    for (std::size_t i = 0; i < size; ++i) {
      address.bytes[i] = i < fixed ? kPrefix[i] : static_cast<std::uint8_t>(random());
    }
  }
  return addresses;
}

AddressSet set_of(const std::vector<Address>& addresses) {
  AddressSet::Builder builder;
  for (const Address& address : addresses) {
    builder.add({address, static_cast<std::uint8_t>(address.family == Address::Family::ipv4 ? 32 : 128)});
  }
  return builder.build();
}

void find_address(benchmark::State& state, Address::Family family, std::size_t fixed) {
  const AddressSet set = set_of(random_addresses(family, fixed, kEntries, 1));
  const std::vector<Address> asked = random_addresses(family, fixed, kAsked, 2);
  std::size_t i = 0;
  for ([[maybe_unused]] auto turn : state) benchmark::DoNotOptimize(set.contains(asked[i++ % kAsked]));
  state.counters["bytes"] = static_cast<double>(set.bytes());
}

void build_set(benchmark::State& state, Address::Family family) {
  const std::vector<Address> addresses = random_addresses(family, 0, kEntries, 1);
  for ([[maybe_unused]] auto turn : state) benchmark::DoNotOptimize(set_of(addresses).bytes());
}

BENCHMARK_CAPTURE(find_address, ipv4, Address::Family::ipv4, 0);
BENCHMARK_CAPTURE(find_address, ipv6, Address::Family::ipv6, 0);
BENCHMARK_CAPTURE(find_address, ipv6_of_one_provider, Address::Family::ipv6, 4);
BENCHMARK_CAPTURE(build_set, ipv4, Address::Family::ipv4)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(build_set, ipv6, Address::Family::ipv6)->Unit(benchmark::kMillisecond);

}  // namespace
