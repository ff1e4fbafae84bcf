// ExchangeMemoryPool: what comes back is handed out again, empty; neither much of it nor what has grown is kept.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/exchange_memory.h"
#include "support/fake_request.h"

using namespace edge;

namespace {

config::Upstream one_server() {
  config::Upstream settings;
  settings.servers.emplace_back();
  return settings;
}

struct Pool {
  Loop loop;
  Upstream upstream{one_server(), nullptr, {&loop}};
  BufferPool buffers{1024, 4};
  ExchangeMemoryPool memories{upstream};
};

}  // namespace

TEST_SUITE("proxy: the memory of exchanges") {
  TEST_CASE_FIXTURE(Pool, "what comes back is handed out again, and nothing is left in it") {
    ExchangeMemoryPool::Pointer first = memories.acquire();
    ExchangeMemory* const memory = first.get();
    memory->out = "POST /";
    memory->blocks.push_back(buffers.acquire());
    memory->pieces.push_back({0, "secret"});
    first.reset();
    CHECK(memories.kept() == 1);
    const ExchangeMemoryPool::Pointer second = memories.acquire();
    CHECK(second.get() == memory);
    CHECK(memories.kept() == 0);
    CHECK(second->out.empty());
    CHECK(second->blocks.empty());
    CHECK(second->pieces.empty());
  }

  TEST_CASE_FIXTURE(Pool, "a codec that was left in the middle of an answer begins anew") {
    test::FakeRequest fake(loop);
    UpstreamRequest asked(fake.request);
    asked.method = "GET";
    asked.target = "/";
    asked.host = "a";
    std::size_t consumed = 0;
    std::string_view content;
    const auto read = [&](const ExchangeMemoryPool::Pointer& memory, const std::string& bytes) {
      return memory->codec->read(bytes.data(), bytes.size(), consumed, content);
    };
    const std::string beginnings[] = {
        "HTTP/1.1 200 OK\r\nX-Old: ", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nold",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\nX-Old:", "nonsense"};
    for (const std::string& beginning : beginnings) {
      CAPTURE(beginning);
      ExchangeMemoryPool::Pointer memory = memories.acquire();
      REQUIRE(memory->codec->write_head(asked, memory->out));
      for (std::size_t at = 0; at < beginning.size(); at += consumed) {
        if (read(memory, beginning.substr(at)) == ReadStep::failed) break;
      }
      memory.reset();
      memory = memories.acquire();
      REQUIRE(memory->codec->write_head(asked, memory->out));
      CHECK_FALSE(memory->codec->begun());
      CHECK_FALSE(memory->codec->reusable());
      const std::string answer = "HTTP/1.1 204 No Content\r\nX-New: 1\r\n\r\n";
      REQUIRE(read(memory, answer) == ReadStep::head);
      CHECK(memory->codec->response().status == 204);
      CHECK(memory->codec->response().headers.size() == 1);
      CHECK(read(memory, "") == ReadStep::complete);
      CHECK(memory->codec->reusable());
      CHECK(memory->codec->trailers() == nullptr);
    }
    CHECK(memories.kept() == 1);
  }

  TEST_CASE_FIXTURE(Pool, "no more than a few are kept") {
    std::vector<ExchangeMemoryPool::Pointer> many(100);
    for (ExchangeMemoryPool::Pointer& memory : many) memory = memories.acquire();
    many.clear();
    CHECK(memories.kept() > 0);
    CHECK(memories.kept() <= 16);
  }

  TEST_CASE_FIXTURE(Pool, "what has grown large is not kept") {
    memories.acquire()->out.reserve(100'000);
    CHECK(memories.kept() == 0);
    memories.acquire()->blocks.reserve(10'000);
    CHECK(memories.kept() == 0);
    memories.acquire()->pieces.reserve(10'000);
    CHECK(memories.kept() == 0);
    memories.acquire();
    CHECK(memories.kept() == 1);
  }
}
