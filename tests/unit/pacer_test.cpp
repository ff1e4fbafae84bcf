// The pace of an answer with a given clock: what leaves at once, what leaves in a time, and in pieces of what size.
#include "core/limits/pacer.h"

#include <doctest/doctest.h>

using namespace edge;

namespace {

struct Sending {
  std::uint64_t milliseconds = 0;
  std::uint64_t pieces = 0;
};

/// Sends so many bytes as soon as it may, with a timer that is `late` milliseconds late each time.
Sending send(Pacer pacer, std::uint64_t bytes, std::uint64_t late = 0) {
  std::uint64_t now = 0;
  Sending done;
  while (bytes > 0) {
    const std::uint64_t ready = pacer.ready(bytes, now);
    if (ready > 0) {
      pacer.sent(ready);
      bytes -= ready;
      ++done.pieces;
    } else {
      now += static_cast<std::uint64_t>(pacer.wait(bytes).count()) + late;
    }
    REQUIRE(done.pieces < 1'000'000);
  }
  done.milliseconds = now;
  return done;
}

}  // namespace

TEST_CASE("pacer: an answer takes the time that its rate says, less the quarter of a second that leaves at once") {
  for (const std::uint64_t rate : {std::uint64_t{1024}, std::uint64_t{65'536}, std::uint64_t{1} << 20,
                                   std::uint64_t{10'000'000'000}, std::uint64_t{1} << 40}) {
    CAPTURE(rate);
    for (const std::uint64_t late : {0U, 2U, 20U}) {
      const Sending sent = send(Pacer(rate, 0, 0), rate * 10, late);
      CHECK(sent.milliseconds >= 9'750);
      CHECK(sent.milliseconds <= 10'050);
      CHECK(sent.pieces <= 90);
    }
  }
}

TEST_CASE("pacer: what comes before the limit holds leaves at once") {
  CHECK(send(Pacer(1000, 5'000, 0), 5'250).milliseconds == 0);
  const Sending sent = send(Pacer(1000, 5'000, 0), 7'000);
  CHECK(sent.milliseconds >= 1'750);
  CHECK(sent.milliseconds <= 1'800);
}

TEST_CASE("pacer: a pause of the client is not made up for") {
  Pacer pacer(1000, 0, 0);
  pacer.sent(pacer.ready(1'000'000, 0));
  CHECK(pacer.ready(1'000'000, 60'000) == 250);
  pacer.sent(250);
  CHECK(pacer.ready(1'000'000, 60'000) == 0);
}

TEST_CASE("pacer: a clock that stands or goes back gives nothing") {
  Pacer pacer(1000, 0, 5'000);
  pacer.sent(pacer.ready(1'000, 5'000));
  CHECK(pacer.ready(1'000, 5'000) == 0);
  CHECK(pacer.ready(1'000, 4'000) == 0);
  CHECK(pacer.ready(1'000, 5'125) == 125);
}

TEST_CASE("pacer: the smallest rate still moves") {
  const Sending sent = send(Pacer(1, 0, 0), 5);
  CHECK(sent.milliseconds == 4'000);
}
