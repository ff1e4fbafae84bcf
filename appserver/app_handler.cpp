// Request -> spool -> worker -> Response.
#include "appserver/app_handler.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstring>

#include "appserver/answer_body.h"
#include "appserver/answer_head.h"
#include "appserver/wire.h"
#include "core/http/request_spool.h"
#include "core/log.h"
#include "core/net/close_elsewhere.h"

namespace edge {

namespace {

constexpr std::size_t kCopied = 16 * 1024;     // a complete body up to this size is copied, and sent with its head
constexpr std::string_view kRetryAfter = "1";  // seconds

bool has_content(Method method, int status) {
  return method != Method::head && status != 204 && status != 304;
}

/// The size of a regular file that is open for reading, as far as it is known here: no file server is asked.
/// A worker can still hold up this loop by a regular file of a server that it runs itself (FUSE), when that is closed.
std::optional<std::uint64_t> readable_size(int file) {
  const int flags = fcntl(file, F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY) return std::nullopt;
  struct statx facts;
  if (statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &facts) != 0) return std::nullopt;
  if (!S_ISREG(facts.stx_mode)) return std::nullopt;
  return facts.stx_size;
}

std::string_view gather(AppCall& call, Arena& arena) {
  const std::size_t size = call.buffered();
  if (size == 0) return {};
  char* const to = arena.allocate_chars(size);
  std::size_t done = 0;
  while (call.has_chunk()) {
    const std::string_view chunk = call.chunk();
    std::memcpy(to + done, chunk.data(), chunk.size());
    done += chunk.size();
  }
  return {to, size};
}

}  // namespace

AppHandler::AppHandler(AppLane& lane, std::string script_name, bool cancel_on_disconnect)
    : lane_(lane), script_name_(std::move(script_name)), cancel_on_disconnect_(cancel_on_disconnect) {}

Task<Response> AppHandler::handle(Request& request) {
  request.upstream = {.address = request.arena.copy(lane_.app().name)};  // the lane's settings may change
  if (!request.body.empty() && lane_.queue().turns_away()) co_return refuse(request, lane_.queue_is_full());
  RequestSpool spool(lane_.loop(), lane_.spool_directory(), wire::kMaxInlineBody);
  const Result<void> spooled = co_await spool.read(request.body);
  if (!spooled) co_return refuse(request, spooled.error());
  for (bool repeated = false;; repeated = true) {
    CallRef call = lane_.call();
    call->begin(request, script_name_, spool, cancel_on_disconnect_);
    const Result<void> head = co_await call->head();
    if (head) co_return answer(request, std::move(call));
    if (repeated || !head.error().retryable) co_return refuse(request, head.error());
  }
}

Response AppHandler::answer(Request& request, CallRef call) {
  request.upstream.status = call->status();
  if (call->error()) return refuse(request, *call->error());
  if (call->status() < 200) {
    return refuse(request, {ErrorKind::bad_gateway, Side::app, false,
                            fmt::format("the app answered with status {}", call->status())});
  }
  Response response(request.arena, call->status());
  const auto length = read_answer_head(request.arena.copy(call->head_block()), response);
  if (!length) return refuse(request, length.error());
  if (!has_content(request.method, response.status) || response.redirect) return response;
  if (call->has_file()) return answer_with_file(request, std::move(response), call->take_file(), *length);
  if (call->over() && call->buffered() <= kCopied) {
    std::string_view body = gather(*call, request.arena);
    if (*length && body.size() < **length) {
      return refuse(request, {ErrorKind::bad_gateway, Side::app, false,
                              fmt::format("the app announced {} bytes and sent {}", **length, body.size())});
    }
    response.body = *length ? body.substr(0, static_cast<std::size_t>(**length)) : body;
    return response;
  }
  response.body = std::make_unique<AnswerBody>(std::move(call), *length);
  return response;
}

Response AppHandler::answer_with_file(Request& request, Response response, FileRange file,
                                      std::optional<std::uint64_t> announced) {
  if (!file.fd) {
    return refuse(request, {ErrorKind::unavailable, Side::ours, false,
                            "the app answered with a file, and edge has no descriptor left for it"});
  }
  const std::optional<std::uint64_t> size = readable_size(file.fd.get());
  if (!size) close_elsewhere(lane_.loop(), std::move(file.fd));
  if (!size || file.offset > *size || file.length > *size - file.offset) {
    return refuse(request, {ErrorKind::bad_gateway, Side::app, false,
                            "the app answered with a part of a file that has no such part, or cannot be read"});
  }
  if (announced && file.length < *announced) {
    return refuse(request, {ErrorKind::bad_gateway, Side::app, false,
                            fmt::format("the app announced {} bytes and sent {}", *announced, file.length)});
  }
  file.length = announced.value_or(file.length);
  if (file.length > 0) response.body = std::move(file);
  return response;
}

Response AppHandler::refuse(Request& request, const Error& error) {
  log::write(answer_for(error).level, "[{}] request {} ({} {}): {}", lane_.app().name, request.id(),
             request.method_name, request.target, error.context);
  Response response = Response::of_error(request.arena, error);
  if (error.kind == ErrorKind::unavailable) response.headers.set(HeaderName::retry_after, kRetryAfter);
  return response;
}

}  // namespace edge
