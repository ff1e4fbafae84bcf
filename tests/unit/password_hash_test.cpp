// Password hashes: each kind that edge goes by, and each that it refuses, without showing it.
#include "core/access/password_hash.h"

#include <doctest/doctest.h>

#include <string>

using namespace edge;

namespace {

// Of the password "secret".
constexpr const char* kGood[] = {
    "$2y$05$qB2ILHAJgnGVrEhXFzETXuystS4pRDzJKXx2QfS.yeB31FFm4jTNu",
    "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
    ("$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/"
     "x8v0/crpIjl8NJSAqXV/"),
    "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
    "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2",
    "$y$j9T$abcdefghijklmnop$3dL1LkYnZM.OVXuVdnnaKVDlLYT92dRwOzDZ5XiVCe.",
    "$y$j75$abcdefghijklmnop$vZlXu1XtxOBWRxjOpQqONp1WYfMO0dN.H4xeSMU2ZvC",
};

std::string refusal(const std::string& hash) {
  return refused_hash(hash).value_or("accepted");
}

}  // namespace

TEST_CASE("password hash: the right password is right and others are wrong, for each kind") {
  for (const char* hash : kGood) {
    CAPTURE(hash);
    CHECK(refusal(hash) == "accepted");
    CHECK(check_password(hash, "secret") == PasswordVerdict::right);
    CHECK(check_password(hash, "secre") == PasswordVerdict::wrong);
    CHECK(check_password(hash, "") == PasswordVerdict::wrong);
    CHECK(check_password(hash, std::string(kLongestPassword, 's')) == PasswordVerdict::wrong);
  }
}

TEST_CASE("password hash: what crypt(3) cannot do is a failure, not a wrong password") {
  CHECK(check_password(kGood[0], std::string(kLongestPassword + 1, 's')) == PasswordVerdict::failed);
}

TEST_CASE("password hash: weak kinds are refused by their names") {
  CHECK(refusal("$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0").find("MD5") == 0);
  CHECK(refusal("$1$saltsalt$LrttParrLPdxvgutaSXWJ0").find("MD5") == 0);
  CHECK(refusal("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=").find("SHA-1") == 0);
  CHECK(refusal("{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=").find("SHA-1") == 0);
  CHECK(refusal("M5D2ih4JCTWnE").find("DES") == 0);
}

TEST_CASE("password hash: a password in plain text is refused, and not shown") {
  for (const char* plain : {"secret", "", "{PLAIN}secret", "hunter2!"}) {
    const std::string why = refusal(plain);
    CHECK(why.find("htpasswd -B") != std::string::npos);
    if (*plain != '\0') CHECK(why.find(plain) == std::string::npos);
  }
  CHECK(refusal("secret").find("must not stand here") != std::string::npos);
}

TEST_CASE("password hash: what is cut off or changed is damaged") {
  for (const std::string hash : kGood) {
    CAPTURE(hash);
    CHECK(refusal(hash.substr(0, hash.size() - 1)).find("damaged") != std::string::npos);
    CHECK(refusal(hash + "x").find("damaged") != std::string::npos);
    CHECK(refusal(hash.substr(0, hash.size() - 1) + "!").find("damaged") != std::string::npos);
  }
  for (const char* hash :
       {"$2y$", "$2y$xx$", "$6$", "$6$rounds=", "$6$rounds=x$a$b", "$5$", "$y$", "$y$j9T$", "$y$$$$"}) {
    CAPTURE(hash);
    CHECK(refusal(hash).find("damaged") != std::string::npos);
  }
  CHECK(refusal("$7$abc$def").find("does not know this kind") != std::string::npos);
  CHECK(refusal("$2x$05$qB2ILHAJgnGVrEhXFzETXuystS4pRDzJKXx2QfS.yeB31FFm4jTNu").find("does not know") !=
        std::string::npos);
}

TEST_CASE("password hash: one that takes seconds at every look is refused") {
  std::string bcrypt = kGood[0];
  bcrypt.replace(4, 2, "14");
  CHECK(refusal(bcrypt) == "accepted");
  bcrypt.replace(4, 2, "15");
  CHECK(refusal(bcrypt).find("a cost of 15") != std::string::npos);
  std::string sha = kGood[4];
  CHECK(refusal(sha.replace(10, 4, "1000000")) == "accepted");
  CHECK(refusal(sha.replace(10, 7, "1000001")).find("1000001 rounds") != std::string::npos);
  std::string yescrypt = kGood[7];
  CHECK(refusal(yescrypt.replace(4, 1, "C")) == "accepted");
  CHECK(refusal(yescrypt.replace(4, 1, "D")).find("memory") != std::string::npos);
}
