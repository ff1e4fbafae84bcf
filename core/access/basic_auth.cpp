// The challenge, and what becomes of a check.
#include "core/access/basic_auth.h"

#include <utility>

#include "core/log.h"
#include "core/log_pace.h"

namespace edge {

namespace {

constexpr std::string_view kRetryAfter = "2";  // seconds

/// As a quoted string (RFC 9110 5.6.4).
std::string challenge_of(std::string_view realm) {
  std::string text = "Basic realm=\"";
  for (const char c : realm) {
    if (c == '"' || c == '\\') text.push_back('\\');
    text.push_back(c);
  }
  return text + "\", charset=\"UTF-8\"";
}

/// Once a second of each kind.
void log_refusal(const Request& request, LogPace& pace, LogLevel level, std::string_view why) {
  if (!pace.lets_pass(request.loop.now())) return;
  log::write(level, "request {}: basic_auth: {}", request.id(), why);
}

}  // namespace

BasicAuth::BasicAuth(std::string_view realm, std::shared_ptr<const UsersFile> users,
                     std::shared_ptr<PasswordChecks> checks)
    : challenge_(challenge_of(realm)), users_(std::move(users)), checks_(std::move(checks)) {}

Response BasicAuth::challenge(Request& request) const {
  Response response = Response::of_status(request.arena, 401);
  response.headers.add("WWW-Authenticate", request.arena.copy(challenge_));
  return response;
}

Task<std::optional<Response>> BasicAuth::authorize(Request& request) {
  thread_local LogPace wrong;
  thread_local LogPace flood;
  thread_local LogPace failure;
  const std::optional<BasicCredentials> claimed = basic_credentials(request.headers, request.arena);
  if (!claimed) co_return challenge(request);
  const PasswordChecks::Outcome outcome = co_await checks_->check(request, users_->users(), *claimed);
  switch (outcome) {
    case PasswordChecks::Outcome::right:
      request.user = claimed->name;
      request.auth_type = "Basic";
      co_return std::nullopt;
    case PasswordChecks::Outcome::wrong:
      log_refusal(request, wrong, LogLevel::info, "the name or the password is wrong");
      co_return challenge(request);
    case PasswordChecks::Outcome::too_many: {
      log_refusal(request, flood, LogLevel::warn, "too many passwords wait to be looked at; answered 503");
      Response response = Response::of_status(request.arena, 503);
      response.headers.add(HeaderName::retry_after, kRetryAfter);
      co_return response;
    }
    case PasswordChecks::Outcome::failed:
      log_refusal(request, failure, LogLevel::error,
                  "crypt(3) could not look at a password: there is no memory for it");
      co_return Response::of_error(request.arena, {});
    case PasswordChecks::Outcome::gone:
      break;
  }
  co_return Response::of_error(request.arena, {ErrorKind::closed, Side::client, false, {}});
}

}  // namespace edge
