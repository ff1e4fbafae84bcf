// What of a file is in memory: bytes are taken from there, and what is not is known before anybody waits for a disk.
#include "core/page_cache.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "core/net/tls_stream.h"
#include "support/cold_file.h"
#include "support/door_handlers.h"
#include "support/tls_client.h"
#include "unit/h1_wire.h"

using namespace edge;
using namespace edge::test;

namespace {

/// Sends all of a file.
struct WholeFile final : Handler {
  explicit WholeFile(const ColdFile& sent) : file(sent) {}
  Task<Response> handle(Request& request) override {
    Response response(request.arena);
    response.body = FileRange{SharedFd(UniqueFd(::dup(file.fd()))), 0, file.content().size()};
    co_return response;
  }
  const ColdFile& file;
};

}  // namespace

TEST_CASE("page cache: a hole between what is in memory is seen, and filled") {
  const ColdFile file;
  if (!file.is_cold()) return;
  const std::size_t size = file.content().size();
  CHECK(file.finds_hole([&] { return !is_in_memory(file.fd(), ColdFile::kMiddle, 100); }));
  CHECK(file.finds_all([&] {
    REQUIRE(bring_to_memory(file.fd(), 0, ColdFile::kBegin));
    return is_in_memory(file.fd(), 0, ColdFile::kBegin);
  }));
  CHECK(file.finds_hole([&] { return !is_in_memory(file.fd(), 0, size); }));
  CHECK(file.finds_all([&] {
    REQUIRE(bring_to_memory(file.fd(), 0, size));
    return is_in_memory(file.fd(), 0, size);
  }));
}

TEST_CASE("page cache: nothing, and what is behind the end, is there") {
  const ColdFile file;
  CHECK(is_in_memory(file.fd(), file.content().size(), 100'000));
  CHECK(bring_to_memory(file.fd(), file.content().size(), 100'000));
  CHECK(is_in_memory(file.fd(), 0, 0));
  CHECK_FALSE(bring_to_memory(-1, 0, 1));
}

TEST_CASE("page cache: TLS takes no byte that might have to be waited for") {
  const ColdFile file;
  if (!file.is_cold()) return;
  constexpr std::uint64_t kFirst = ColdFile::kBegin - 300'000;
  std::optional<TlsPair> pair;
  std::string heard;
  std::uint64_t at = 0;
  std::ptrdiff_t taken = 0;
  const auto write = [&](bool warm) {
    taken = pair->server->write_file(file.fd(), at, file.content().size() - at, warm);
    if (taken > 0) at += static_cast<std::uint64_t>(taken);
    heard += pair->hear();
    REQUIRE(pair->server->flush_unsent() >= 0);
  };
  const bool stops = file.finds_hole([&] {
    pair.emplace(only(site_of("a.test")));
    REQUIRE(pair->connects());
    heard.clear();
    at = kFirst;
    for (taken = 0; taken >= 0 && at <= ColdFile::kMiddle;) {
      file.cool();
      write(false);
    }
    return taken == TlsStream::kCold;
  });
  CHECK(stops);
  CHECK(at >= ColdFile::kBegin);
  CHECK(at <= ColdFile::kMiddle);
  for (int turn = 0; turn < 10'000 && at < file.content().size(); ++turn) write(true);
  heard += pair->hear();
  const bool whole = heard == file.content().substr(kFirst);
  CHECK(whole);
}

TEST_CASE("page cache: a file with a hole arrives whole, with TLS and without") {
  for (const bool with_tls : {false, true}) {
    CAPTURE(with_tls);
    const ColdFile file;
    CHECK(file.finds_all([&] {
      h1_test::Wire wire({}, std::make_unique<WholeFile>(file), h1_test::Speaks::http1, with_tls);
      wire.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
      const std::string answer = wire.until_end();
      const bool whole = answer.substr(answer.find("\r\n\r\n") + 4) == file.content();
      REQUIRE(whole);
      return is_in_memory(file.fd(), 0, file.content().size());
    }));
  }
}
