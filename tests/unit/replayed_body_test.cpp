// ReplayedBody: what is read ahead, and that whoever reads afterwards gets all of it, however it came.
#include "core/http/replayed_body.h"

#include <doctest/doctest.h>

#include <string>

#include "support/fake_request.h"

using namespace edge;
using edge::test::FakeBody;
using edge::test::run;

namespace {

/// All that is left, or the error's text.
std::string rest(Loop& loop, RequestBody& body) {
  std::string all;
  while (true) {
    const Result<std::string_view> piece = run(loop, body.read());
    if (!piece) return all + "!" + piece.error().context;
    if (piece->empty()) return all;
    all += *piece;
  }
}

}  // namespace

TEST_CASE("replayed body: every cut of the pieces and of what is read ahead gives the whole again") {
  Loop loop;
  const std::string whole = "0123456789";
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    for (std::uint32_t most = 1; most < 14; ++most) {
      for (const bool chunked : {false, true}) {
        FakeBody from;
        from.pieces = {whole.substr(0, cut), whole.substr(cut)};
        from.chunked = chunked;
        Arena arena;
        ReplayedBody body(from);
        CHECK(*run(loop, body.read_ahead(most, arena)) == whole.substr(0, most));
        CHECK(body.length() == from.length());
        CHECK_FALSE(body.empty());
        CHECK(rest(loop, body) == whole);
        CHECK(run(loop, body.read())->empty());
      }
    }
  }
}

TEST_CASE("replayed body: an error while reading ahead is told, one behind it comes after what was read") {
  Loop loop;
  Arena arena;
  FakeBody early;
  early.pieces = {"01"};
  early.chunked = true;
  early.broken = Error{ErrorKind::closed, Side::client, false, "gone"};
  ReplayedBody first(early);
  CHECK(run(loop, first.read_ahead(10, arena)).error().kind == ErrorKind::closed);
  FakeBody late;
  late.pieces = {"01", "23"};
  late.chunked = true;
  late.broken = early.broken;
  ReplayedBody second(late);
  CHECK(*run(loop, second.read_ahead(3, arena)) == "012");
  CHECK(rest(loop, second) == "0123!gone");
}
