// What it costs to find the site of a host, the route of a path, and the path in a target.
#include "core/http/router.h"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "core/http/path.h"

using namespace edge;

namespace {

std::unique_ptr<Site> site_of(std::vector<std::string> hosts, int prefixes, int patterns) {
  auto site = std::make_unique<Site>();
  site->hosts = std::move(hosts);
  for (int i = 0; i < prefixes; ++i) {
    site->routes.emplace_back().path = {RoutePath::Kind::prefix, "/section" + std::to_string(i) + "/", nullptr};
  }
  for (int i = 0; i < patterns; ++i) {
    const std::string source = "\\.type" + std::to_string(i) + "$";
    auto pattern = std::make_shared<const Pattern>(std::move(*Pattern::compile(source, false)));
    site->routes.emplace_back().path = {RoutePath::Kind::pattern, source, std::move(pattern)};
  }
  site->routes.emplace_back().path = {RoutePath::Kind::prefix, "/", nullptr};
  return site;
}

/// Arguments: prefixes, patterns. The path matches the last prefix and no pattern.
void find_route(benchmark::State& state) {
  const auto prefixes = static_cast<int>(state.range(0));
  const std::unique_ptr<Site> site = site_of({}, prefixes, static_cast<int>(state.range(1)));
  const std::string path = prefixes > 0 ? "/section" + std::to_string(prefixes - 1) + "/page.html" : "/page.html";
  for ([[maybe_unused]] auto turn : state) benchmark::DoNotOptimize(site->route_for(path));
}

/// Argument: sites of one listener; half of them have a wildcard.
void find_site(benchmark::State& state) {
  std::vector<std::unique_ptr<Site>> sites;
  for (int i = 0; i < state.range(0); ++i) {
    const std::string name = "site" + std::to_string(i) + ".example.com";
    sites.push_back(site_of({i % 2 == 0 ? name : "*." + name}, 0, 0));
  }
  const Router router(std::move(sites));
  for ([[maybe_unused]] auto turn : state) {
    benchmark::DoNotOptimize(router.site_for("site0.example.com"));
    benchmark::DoNotOptimize(router.site_for("www.site1.example.com"));
  }
}

void read_target(benchmark::State& state, std::string_view target) {
  Arena arena;
  for ([[maybe_unused]] auto turn : state) {
    arena.reset();
    benchmark::DoNotOptimize(parse_target(target, arena));
  }
}

BENCHMARK(find_route)->Args({0, 0})->Args({5, 0})->Args({50, 0})->Args({5, 3});
BENCHMARK(find_site)->Arg(2)->Arg(100);
BENCHMARK_CAPTURE(read_target, plain, "/products/list/page.html?page=3");
BENCHMARK_CAPTURE(read_target, encoded, "/caf%C3%A9//list/./a/../page.html?page=3");

}  // namespace
