// StickyCookie: given, found again, renewed, forged.
#include "proxy/sticky_cookie.h"

#include <doctest/doctest.h>

#include <string>

#include "core/arena.h"
#include "support/balanced_servers.h"
#include "support/temporary_directory.h"

using namespace edge;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

struct Sticking {
  StickyCookie make(Milliseconds time = Milliseconds(0), const std::string& upstream = "api",
                    const HashKey& key = {1, 2, 3}) const {
    return StickyCookie({upstream, "stick", time}, key);
  }
  StickyCookie::Found find(const StickyCookie& cookie, std::string_view field, std::int64_t now = kNow) {
    HeaderList headers(arena);
    headers.add(HeaderName::cookie, field);
    return cookie.find(headers, group, now);
  }
  const Server& server(std::size_t number) const { return *group.members()[number - 1].server; }
  static std::string pair_of(const std::string& field) { return field.substr(0, field.find(';')); }

  Arena arena;
  ServerGroup group{test::make_members({1, 1, 1}), false};
};

}  // namespace

TEST_SUITE("sticky cookie") {
  TEST_CASE_FIXTURE(Sticking, "its attributes keep scripts and other sites out, and its value tells no address") {
    const std::string plain = make().set_cookie(server(1), false, kNow);
    CHECK(plain.starts_with("stick="));
    CHECK(plain.ends_with("; Path=/; HttpOnly; SameSite=Lax"));
    CHECK(plain.size() == 6 + 16 + 32);
    CHECK_FALSE(plain.contains("10.0"));
    CHECK(make().set_cookie(server(1), true, kNow).ends_with("; SameSite=Lax; Secure"));
    CHECK(make(Milliseconds(3'600'000)).set_cookie(server(1), false, kNow).contains("-1c9c380; Max-Age=3600; Path=/"));
  }

  TEST_CASE_FIXTURE(Sticking, "the server that was given is found again, among other cookies") {
    const StickyCookie cookie = make();
    for (std::size_t i = 1; i <= 3; ++i) {
      const std::string pair = pair_of(cookie.set_cookie(server(i), false, kNow));
      CHECK(find(cookie, pair).server == &server(i));
      CHECK(find(cookie, "a=b; " + pair + " ; c=d").server == &server(i));
      CHECK_FALSE(find(cookie, pair).is_old);
    }
  }

  TEST_CASE_FIXTURE(Sticking, "a cookie with a time is renewed in its second half") {
    const StickyCookie cookie = make(Milliseconds(3'600'000));
    const std::string pair = pair_of(cookie.set_cookie(server(2), false, kNow));
    CHECK_FALSE(find(cookie, pair, kNow + 1'700).is_old);
    CHECK(find(cookie, pair, kNow + 1'800).is_old);
    CHECK(find(cookie, pair, kNow + 1'800).server == &server(2));
    CHECK(find(cookie, pair, kNow - 600).is_old);  // of the future
    const std::string timeless = pair_of(make().set_cookie(server(2), false, kNow));
    CHECK(find(cookie, timeless).is_old);
    CHECK(find(cookie, timeless).server == &server(2));
  }

  TEST_CASE_FIXTURE(Sticking, "what was made up is no server") {
    const StickyCookie cookie = make();
    const std::string good = pair_of(cookie.set_cookie(server(1), false, kNow));
    for (const std::string& forged :
         {std::string("stick="), std::string("stick=10.0.0.1:80"), std::string("stick=0000000000000000"),
          std::string("stick=-000000000000001"), good.substr(0, good.size() - 1), "x" + good, good.substr(6),
          std::string("stick=") + std::string(5'000, 'a'),
          std::string("stick=\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                      "\xff\xff\xff\xff\xff")}) {
      CAPTURE(forged);
      CHECK(find(cookie, forged).server == nullptr);
    }
    const StickyCookie timed = make(Milliseconds(3'600'000));
    for (const char* const minute : {"-", "-ffffffffffffffff", "-1ffffffffffffffff", "--1", "-0x1", "1"}) {
      CAPTURE(minute);
      CHECK(find(timed, good + minute).is_old);
      CHECK(find(timed, good + minute).server == &server(1));
    }
  }

  TEST_CASE_FIXTURE(Sticking, "another key, another upstream or a server that is gone is no server") {
    const std::string pair = pair_of(make().set_cookie(server(1), false, kNow));
    CHECK(find(make({}, "api", {9}), pair).server == nullptr);
    CHECK(find(make({}, "other"), pair).server == nullptr);
    const StickyCookie cookie = make();
    CHECK(find(cookie, pair_of(cookie.set_cookie(*test::make_server(77), false, kNow))).server == nullptr);
    CHECK(find(cookie, "").server == nullptr);
  }

  TEST_CASE("a secret makes the same key everywhere, and the machine's identity one that stays") {
    const test::TemporaryDirectory folder;
    const std::string one = folder.write("one", "0123456789abcdef0123456789abcdef\n");
    const std::string other = folder.write("other", "fedcba9876543210fedcba9876543210\n");
    const std::string none = folder / "none";
    CHECK(sticky_key("secret", one) == sticky_key("secret", other));
    CHECK(sticky_key("secret", one) == sticky_key("secret", none));
    CHECK(sticky_key("secret", one) != sticky_key("another", one));
    CHECK(sticky_key("", one) == sticky_key("", one));
    CHECK(sticky_key("", one) != sticky_key("", other));
    CHECK(sticky_key("", none) == sticky_key("", none));
    CHECK(sticky_key("0123456789abcdef0123456789abcdef", none) != sticky_key("", one));
    CHECK(sticky_key("", none) != HashKey{});
  }
}
