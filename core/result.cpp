// The one table from error to status, log level and "answer or just close".
#include "core/result.h"

namespace edge {

ErrorAnswer answer_for(const Error& error) {
  const bool client = error.side == Side::client;
  switch (error.kind) {
    case ErrorKind::malformed:
      return {400, LogLevel::info, true};
    case ErrorKind::forbidden:
      return {403, LogLevel::info, false};
    case ErrorKind::not_found:
      return {404, LogLevel::info, false};
    case ErrorKind::method_not_allowed:
      return {405, LogLevel::info, false};
    case ErrorKind::timed_out:
      return client ? ErrorAnswer{408, LogLevel::info, true} : ErrorAnswer{504, LogLevel::error, false};
    case ErrorKind::too_large:
      return {413, LogLevel::info, true};
    case ErrorKind::uri_too_long:
      return {414, LogLevel::info, true};
    case ErrorKind::expectation_failed:
      return {417, LogLevel::info, true};
    case ErrorKind::headers_too_large:
      return {431, LogLevel::info, true};
    case ErrorKind::internal:
      return {500, LogLevel::error, false};
    case ErrorKind::not_implemented:
      return {501, LogLevel::info, client};
    case ErrorKind::bad_gateway:
      return {502, LogLevel::error, false};
    case ErrorKind::unavailable:
      return {503, LogLevel::warn, false};
    case ErrorKind::version_not_supported:
      return {505, LogLevel::info, true};
    case ErrorKind::no_space:
      return {507, LogLevel::error, false};
    case ErrorKind::closed:
      return {499, LogLevel::info, true};
  }
  return {500, LogLevel::error, true};
}

}  // namespace edge
