// What it costs to make a uwsgi packet of a request, and to read one: the environ's two ends.
#include "core/uwsgi/vars.h"

#include <benchmark/benchmark.h>

#include <memory>

#include "support/fake_request.h"

using namespace edge;

namespace {

test::FakeRequest browser_request(Loop& loop) {
  return test::FakeRequest(loop, "GET", "/products/list?page=3&sort=price",
                           {{"Host", "www.example.com"},
                            {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
                            {"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
                            {"Accept-Language", "en-GB,en;q=0.5"},
                            {"Accept-Encoding", "gzip, deflate, br, zstd"},
                            {"Connection", "keep-alive"},
                            {"Cookie", "session=5f2b6c1e9a7d4e0f8b3a; theme=dark"},
                            {"X-Tenant", "blue"}});
}

void write_vars(benchmark::State& state) {
  Loop loop;
  test::FakeRequest fake = browser_request(loop);
  const std::unique_ptr<char[]> block(new char[uwsgi::kMaxBlock]);
  for ([[maybe_unused]] auto turn : state) {
    uwsgi::BlockWriter writer(block.get(), uwsgi::kMaxBlock);
    uwsgi::add_vars(fake.request, "/shop", std::nullopt, writer);
    benchmark::DoNotOptimize(writer.size());
  }
}

void read_vars(benchmark::State& state) {
  Loop loop;
  test::FakeRequest fake = browser_request(loop);
  const std::unique_ptr<char[]> block(new char[uwsgi::kMaxBlock]);
  uwsgi::BlockWriter writer(block.get(), uwsgi::kMaxBlock);
  uwsgi::add_vars(fake.request, "", std::nullopt, writer);
  for ([[maybe_unused]] auto turn : state) {
    uwsgi::BlockReader reader({block.get(), writer.size()});
    for (uwsgi::Variable variable; reader.next(variable) == uwsgi::BlockReader::Step::variable;) {
      benchmark::DoNotOptimize(variable);
    }
  }
}

BENCHMARK(write_vars);
BENCHMARK(read_vars);

}  // namespace
