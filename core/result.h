// Errors as values: who is to blame, whether repeating is safe, and the one table to status and log level.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace edge {

/// Who caused an error.
enum class Side : std::uint8_t { client, upstream, app, ours };

enum class ErrorKind : std::uint8_t {
  malformed,              // 400: the bytes break the protocol
  forbidden,              // 403
  not_found,              // 404
  method_not_allowed,     // 405
  timed_out,              // 408 from a client, 504 from an app or upstream
  too_large,              // 413
  uri_too_long,           // 414
  expectation_failed,     // 417
  headers_too_large,      // 431
  internal,               // 500
  not_implemented,        // 501
  bad_gateway,            // 502: an app or upstream broke off or spoke nonsense
  unavailable,            // 503: queue full or waited too long
  version_not_supported,  // 505
  no_space,               // 507: spooling failed
  closed,                 // the peer has gone; nobody is left to answer (logged as 499)
};

struct Error {
  ErrorKind kind = ErrorKind::internal;
  Side side = Side::ours;
  bool retryable = false;  // nothing had any effect yet: the same request may be sent elsewhere
  std::string context;     // what a person needs to know, without a trailing newline; may be empty
};

template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(ErrorKind::malformed, Side::client, "bare LF");`
inline std::unexpected<Error> fail(ErrorKind kind, Side side, std::string context = {}, bool retryable = false) {
  return std::unexpected<Error>(Error{kind, side, retryable, std::move(context)});
}

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// What an error becomes for the client and for the log.
struct ErrorAnswer {
  int status;  // 499 means: there is nobody to answer
  LogLevel level;
  bool close;  // the connection cannot be used for another request
};

ErrorAnswer answer_for(const Error& error);

}  // namespace edge
