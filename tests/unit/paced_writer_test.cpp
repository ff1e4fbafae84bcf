// An answer under a bandwidth limit: pieces and pauses, what leaves at once, clients that go, dry runs.
#include "core/limits/paced_writer.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/captured_log.h"
#include "support/fake_request.h"
#include "support/limits.h"

using namespace edge;
using namespace edge::test;

namespace {

/// Takes everything at once.
struct FakeDoor final : ResponseWriter {
  std::string content;
  std::vector<std::uint64_t> pieces;
  int flushes = 0;
  bool broken = false;

  void write_head(const Response&, std::optional<std::uint64_t>, bool) override {}
  bool try_write(std::string_view part) override {
    content += part;
    return true;
  }
  Task<Result<void>> write(std::string_view part) override {
    if (broken) co_return fail(ErrorKind::closed, Side::client, "it broke");
    content += part;
    pieces.push_back(part.size());
    co_return {};
  }
  bool try_write_file(int, std::uint64_t, std::uint64_t) override { return true; }
  Task<Result<void>> write_file(int, std::uint64_t offset, std::uint64_t length) override {
    if (broken) co_return fail(ErrorKind::closed, Side::client, "it broke");
    CHECK(offset == 100 + content.size());
    content += std::string(length, 'f');
    pieces.push_back(length);
    co_return {};
  }
  Task<Result<void>> flush() override {
    ++flushes;
    co_return {};
  }
  void finish(const HeaderList*) override {}
  void abort() override {}
  std::uint64_t bytes_written() const override { return content.size(); }
};

OwnLimits limits_of(std::uint64_t rate, std::uint64_t after = 0, bool dry_run = false) {
  BandwidthLimit limit{.identity = {"bandwidth", "limits.bandwidth (site.yaml:5:7)", dry_run}};
  limit.rate = rate;
  limit.after = after;
  return OwnLimits({.bandwidth = limit});
}

struct Paced {
  explicit Paced(OwnLimits with) : own(std::move(with)) {}
  Loop loop;
  OwnLimits own;
  FakeRequest fake{loop};
  FakeDoor door;
  PacedWriter writer{door, *own.limits, fake.request};
};

}  // namespace

TEST_CASE("paced writer: content leaves in pieces, and no sooner than it may") {
  Paced paced(limits_of(10'000));
  std::string content(4'000, 'a');
  content += std::string(1'000, 'b');
  const std::uint64_t before = paced.loop.now();
  CHECK_FALSE(paced.writer.try_write(content));
  REQUIRE(run(paced.loop, paced.writer.write(content)));
  CHECK(paced.loop.now() - before >= 250);  // a quarter of the half second's worth was there at the beginning
  CHECK(paced.door.content == content);
  CHECK(paced.door.pieces.front() == 2'500);
  CHECK(paced.door.pieces.size() <= 4);
  CHECK(paced.door.flushes >= 1);
  CHECK(paced.own.counts.bandwidth->delayed == 1);
}

TEST_CASE("paced writer: a file leaves in slices") {
  Paced paced(limits_of(10'000));
  const std::uint64_t before = paced.loop.now();
  CHECK_FALSE(paced.writer.try_write_file(3, 100, 5'000));
  REQUIRE(run(paced.loop, paced.writer.write_file(3, 100, 5'000)));
  CHECK(paced.loop.now() - before >= 250);
  CHECK(paced.door.content.size() == 5'000);
  CHECK(paced.door.pieces.size() <= 4);
}

TEST_CASE("paced writer: what the limit leaves free needs no pause") {
  CapturedLog log;
  Paced paced(limits_of(1'000, 100'000));
  CHECK(paced.writer.try_write(std::string(50'000, 'a')));
  REQUIRE(run(paced.loop, paced.writer.write(std::string(50'000, 'b'))));
  CHECK(paced.door.pieces == std::vector<std::uint64_t>{50'000});
  CHECK(paced.own.counts.bandwidth->delayed == 0);
  CHECK_FALSE(paced.writer.try_write(std::string(251, 'c')));
  CHECK(paced.writer.try_write(std::string(250, 'c')));
}

TEST_CASE("paced writer: a client that leaves in a pause ends it, one that is gone gets no piece more") {
  Paced paced(limits_of(1'000));
  const std::string content(100'000, 'a');
  Task<Result<void>> writing = paced.writer.write(content);
  REQUIRE_FALSE(writing.done());
  paced.fake.request.cancellation.request();
  REQUIRE(writing.done());
  CHECK(writing.take().error().kind == ErrorKind::closed);
  CHECK(paced.door.content.size() == 250);
  Paced broken(limits_of(1'000));
  broken.door.broken = true;
  CHECK(run(broken.loop, broken.writer.write(content)).error().context == "it broke");
  CHECK(run(broken.loop, PacedWriter(broken.door, *broken.own.limits, broken.fake.request).write_file(3, 100, 9))
            .error()
            .context == "it broke");
}

TEST_CASE("paced writer: a dry run sends all at once, and says once that it would not") {
  CapturedLog log;
  Paced paced(limits_of(1'000, 0, true));
  const std::string content(100'000, 'a');
  REQUIRE(run(paced.loop, paced.writer.write(content)));
  REQUIRE(run(paced.loop, paced.writer.write(content)));
  CHECK(paced.door.content.size() == 200'000);
  CHECK(paced.own.counts.bandwidth->would_have_delayed == 1);
  CHECK(paced.own.counts.bandwidth->delayed == 0);
  CHECK(log.contains("GET / would be slowed by limits.bandwidth (site.yaml:5:7)"));
}
