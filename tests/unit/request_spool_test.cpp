// RequestSpool: what stays in memory, what goes to a file, and who has the memory that bodies share.
#include "core/http/request_spool.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "support/fake_request.h"
#include "support/temporary_directory.h"

using namespace edge;
using edge::test::FakeBody;
using edge::test::run;

namespace {

constexpr RequestSpool::Limits kLimits{.small = 64 * 1024, .large = 1024 * 1024};

/// In pieces as a connection gives them, each of another letter.
FakeBody body_of(std::size_t size, bool chunked) {
  FakeBody body;
  body.chunked = chunked;
  constexpr std::size_t kPiece = 60'000;
  for (std::size_t at = 0; at < size; at += kPiece) {
    body.pieces.emplace_back(std::min(kPiece, size - at), static_cast<char>('a' + at / kPiece % 26));
  }
  return body;
}

std::string whole(const FakeBody& body) {
  std::string all;
  for (const std::string& piece : body.pieces) all += piece;
  return all;
}

std::string content(const RequestSpool& spool) {
  if (spool.file() < 0) return std::string(spool.bytes());
  CHECK(spool.bytes().empty());
  std::string all(*spool.length() + 1, '\0');
  all.resize(static_cast<std::size_t>(pread(spool.file(), all.data(), all.size(), 0)));
  return all;
}

/// Whether nobody has any of it.
bool is_all_free() {
  SpoolMemory all;
  return all.reach(SpoolMemory::kMost);
}

struct Spooled {
  explicit Spooled(std::size_t size, bool chunked = false, RequestSpool::Limits limits = kLimits)
      : body(body_of(size, chunked)), spool(loop, directory, limits), done(run(loop, spool.read(body))) {}

  void check_content() const {
    REQUIRE(done);
    CHECK(*spool.length() == whole(body).size());
    CHECK(content(spool) == whole(body));
  }

  Loop loop;
  test::TemporaryDirectory folder;
  std::string directory = folder.path();
  FakeBody body;
  RequestSpool spool;
  Result<void> done;
};

}  // namespace

TEST_CASE("request spool: small bodies are in memory, larger ones while they fit, all others in a file") {
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    for (const std::size_t size : {1UL, 65'536UL, 65'537UL, 131'072UL, 500'000UL, 1'048'576UL}) {
      CAPTURE(size);
      const Spooled spooled(size, chunked);
      spooled.check_content();
      CHECK(spooled.spool.file() < 0);
      CHECK(is_all_free() == (size <= kLimits.small));
    }
    CHECK(is_all_free());
    for (const std::size_t size : {1'048'577UL, 3'000'000UL}) {
      CAPTURE(size);
      const Spooled spooled(size, chunked);
      spooled.check_content();
      CHECK(spooled.spool.file() >= 0);
      CHECK(is_all_free());
    }
  }
}

TEST_CASE("request spool: without the limit for large ones everything that is not small is in a file") {
  for (const std::size_t size : {65'537UL, 131'073UL, 2'000'000UL}) {
    const Spooled spooled(size, false, {.small = 64 * 1024});
    spooled.check_content();
    CHECK(spooled.spool.file() >= 0);
    CHECK(is_all_free());
  }
  const Spooled small(65'536, true, {.small = 64 * 1024});
  small.check_content();
  CHECK(small.spool.file() < 0);
}

TEST_CASE("request spool: where the memory is taken, what is not small goes to a file, until it is free again") {
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    SpoolMemory others;
    REQUIRE(others.reach(SpoolMemory::kMost));
    for (const std::size_t size : {65'537UL, 200'000UL, 2'000'000UL}) {
      CAPTURE(size);
      const Spooled spooled(size, chunked);
      spooled.check_content();
      CHECK(spooled.spool.file() >= 0);
    }
    const Spooled small(65'536, chunked);
    small.check_content();
    CHECK(small.spool.file() < 0);
    others.give_back();
    const Spooled spooled(200'000, chunked);
    spooled.check_content();
    CHECK(spooled.spool.file() < 0);
  }
}

TEST_CASE("request spool: a body that breaks off gives its memory back, and tells the body's error") {
  {
    Loop loop;
    const std::string directory = "/tmp";
    FakeBody body = body_of(300'000, true);
    body.broken = Error{ErrorKind::timed_out, Side::client, false, "too slow"};
    RequestSpool spool(loop, directory, kLimits);
    const Result<void> done = run(loop, spool.read(body));
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == ErrorKind::timed_out);
  }
  CHECK(is_all_free());
}

TEST_CASE("request spool: a folder that is not there is an error of ours, for what needs a file alone") {
  Loop loop;
  const std::string directory = "/nonexistent";
  FakeBody large = body_of(2'000'000, false);
  RequestSpool spool(loop, directory, kLimits);
  const Result<void> done = run(loop, spool.read(large));
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::internal);
  CHECK(done.error().side == Side::ours);
  CHECK(done.error().context == "the request body cannot be kept in /nonexistent: No such file or directory");
  FakeBody fits = body_of(1'000'000, false);
  RequestSpool in_memory(loop, directory, kLimits);
  CHECK(run(loop, in_memory.read(fits)));
}

TEST_CASE("spool memory: each thread has its own, and nothing is taken where it is not enough") {
  SpoolMemory first;
  CHECK(first.reach(1000));
  CHECK(first.reach(10));
  CHECK(first.size() == 1000);
  SpoolMemory second;
  CHECK_FALSE(second.reach(SpoolMemory::kMost - 999));
  CHECK(second.size() == 0);
  CHECK(second.reach(SpoolMemory::kMost - 1000));
  CHECK_FALSE(first.reach(1001));
  std::thread([] { CHECK(is_all_free()); }).join();
  second.shrink(second.size());
  CHECK_FALSE(first.reach(1001));
  second.shrink(1);
  CHECK(second.size() == 1);
  CHECK(first.reach(SpoolMemory::kMost - 1));
  second.give_back();
  CHECK(first.reach(SpoolMemory::kMost));
}
