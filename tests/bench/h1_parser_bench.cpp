// What it costs to read a request head, and a body in chunks.
#include "core/http/h1_parser.h"

#include <benchmark/benchmark.h>

#include <string>

#include "support/fake_request.h"

using namespace edge;

namespace {

constexpr std::string_view kShort = "GET /static/page.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
constexpr std::string_view kBrowser =
    "GET /products/list?page=3&sort=price HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Connection: keep-alive\r\n"
    "Referer: https://www.example.com/products/\r\n"
    "Cookie: session=5f2b6c1e9a7d4e0f8b3a; theme=dark\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Priority: u=0, i\r\n\r\n";

void read_head(benchmark::State& state, std::string_view head) {
  Loop loop;
  H1Parser parser;
  const HttpSettings limits;
  test::FakeBody body;
  Arena arena;
  for ([[maybe_unused]] auto turn : state) {
    arena.reset();
    Request request(loop, arena, body);
    parser.begin(request, limits);
    std::size_t consumed = 0;
    const H1Parser::Step step = parser.parse_head(head.data(), head.size(), consumed);
    if (step != H1Parser::Step::complete) state.SkipWithError("the head was refused");
    benchmark::DoNotOptimize(request.headers.size());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(head.size()) * state.iterations());
}

void read_chunks(benchmark::State& state) {
  const std::string chunk = "400\r\n" + std::string(1024, 'x') + "\r\n";
  std::string message = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 16; ++i) message += chunk;
  message += "0\r\n\r\n";
  Loop loop;
  H1Parser parser;
  const HttpSettings limits;
  test::FakeBody body;
  Arena arena;
  for ([[maybe_unused]] auto turn : state) {
    arena.reset();
    Request request(loop, arena, body);
    parser.begin(request, limits);
    std::size_t at = 0;
    parser.parse_head(message.data(), message.size(), at);
    H1Parser::Step step = H1Parser::Step::need_more;
    while (step == H1Parser::Step::need_more) {
      std::size_t consumed = 0;
      std::string_view content;
      step = parser.parse_body(message.data() + at, message.size() - at, consumed, content);
      at += consumed;
    }
    if (step != H1Parser::Step::complete) state.SkipWithError("the body was refused");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(message.size()) * state.iterations());
}

BENCHMARK_CAPTURE(read_head, short, kShort);
BENCHMARK_CAPTURE(read_head, browser, kBrowser);
BENCHMARK(read_chunks);

}  // namespace
