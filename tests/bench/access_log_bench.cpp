// What one request costs in the access log, and the finding of its header names.
#include <benchmark/benchmark.h>

#include <string>

#include "core/access_log.h"
#include "support/fake_request.h"

namespace {

using namespace edge;
using edge::test::FakeRequest;

/// The head that a browser sends.
FakeRequest::Headers browser_headers() {
  static const FakeRequest::Headers headers = {
      {"Host", "example.com"},
      {"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
      {"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
      {"Accept-Language", "en-US,en;q=0.5"},
      {"Accept-Encoding", "gzip, deflate, br, zstd"},
      {"Referer", "https://example.com/articles/"},
      {"Connection", "keep-alive"},
      {"Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"},
  };
  return headers;
}

void render_access_line(benchmark::State& state, std::string_view format_text) {
  Loop loop;
  FakeRequest fake(loop, "GET", "/articles/2026/11/21?page=2", browser_headers());
  fake.request.sent = {200, 5'120, 5'400, nullptr};
  const AccessFormat format = *AccessFormat::compile(format_text);
  std::string line;
  for (auto _ : state) {
    line.clear();
    format.render(fake.request, line);
    benchmark::DoNotOptimize(line.data());
  }
}
BENCHMARK_CAPTURE(render_access_line, combined, "combined");
BENCHMARK_CAPTURE(render_access_line, json, "json");

void name_headers(benchmark::State& state) {
  for (auto _ : state) {
    for (const auto& [name, value] : browser_headers()) benchmark::DoNotOptimize(header_name(name));
  }
}
BENCHMARK(name_headers);

}  // namespace
