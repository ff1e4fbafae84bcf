// Response: a head, and a body that is nothing, bytes, a range of a file, or a source to pull from; or a tunnel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "core/http/header_list.h"
#include "core/http/tunnel.h"
#include "core/result.h"
#include "core/shared_fd.h"
#include "core/task.h"

namespace edge {

/// A body made while it is sent. The pump pulls, and destroys the source when the answer has ended in whatever way
/// (also when the client has gone), never while a pull is under way.
class BodySource {
 public:
  struct Chunk {
    std::string_view bytes;  // valid until the next pull or destruction; may be empty
    bool last = false;       // nothing follows
  };
  virtual ~BodySource() = default;
  /// Bytes in all, when known before the first pull.
  virtual std::optional<std::uint64_t> length() const { return std::nullopt; }
  /// Before the first pull: whoever makes the content has not begun to, so that the head shall not wait for it.
  virtual bool waits() const { return false; }
  /// An error after the head was sent tears the connection, so that nobody takes the part for the whole.
  virtual Task<Result<Chunk>> pull() = 0;
  /// After the last chunk: fields that follow the content (RFC 9110 6.5), or null. They live as long as the request.
  virtual const HeaderList* trailers() const { return nullptr; }
};

struct FileRange {
  SharedFd fd;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What is to answer in the place of this response: the file that an app wants sent (core/http/internal_redirect.h), or
/// the route that a route of files falls back to. The pump sees to it.
struct InternalRedirect {
  enum class To : std::uint8_t {
    path,   // X-Accel-Redirect: the path of a route of files, escaped as in a URL
    file,   // X-Sendfile: a path of the machine
    route,  // the last of `try`: a path of any route, decoded and normalised, with `query`, escaped, in the
            // place of the request's
  };
  To to = To::path;
  std::string_view text;  // of an app: as it wrote it; lives as long as the request, as `query` does
  std::string_view query = {};
  bool has_query = false;
};

/// A tunnel goes with status 101, as the answer to a request with `upgrade`.
using Body =
    std::variant<std::monostate, std::string_view, FileRange, std::unique_ptr<BodySource>, std::unique_ptr<Tunnel>>;

struct Response {
  explicit Response(Arena& arena, int with_status = 200) : status(with_status), headers(arena) {}
  Response(Arena& arena, int with_status, const LentFields& fields) : status(with_status), headers(arena, fields) {}

  int status;
  HeaderList headers;  // without Date, Server, Connection and Transfer-Encoding: those are the door's
  Body body;           // bytes must live as long as the request: literals, the arena, the snapshot, or `keep`
  std::shared_ptr<const void> keep;          // what headers and bytes of this answer lie in, when it is its own
  std::optional<InternalRedirect> redirect;  // the body, if any, does not count then
  bool coding_settled = false;  // no filter adds a content coding; the pump says so of answers of routes of files
  bool is_listing = false;      // it shows a folder and is the content of no file
  bool is_plain = false;        // edge's own page for its status, of_status()
  bool close = false;           // no request after this one; of HTTP/1, as those of HTTP/2 do not wait for each other
  std::string_view reason;      // empty: the status code's usual phrase

  /// An answer with edge's plain page for that status.
  static Response of_status(Arena& arena, int status);
  /// The answer that answer_for() gives for an error. The caller has logged what is worth logging.
  static Response of_error(Arena& arena, const Error& error);
};

/// Whether its type says where each of several ranges ends (RFC 9110 14.6), and must stay as it is.
bool has_several_ranges(const Response& response);

/// "Not Found"; "Unknown" when the code is not registered.
std::string_view reason_phrase(int status);

}  // namespace edge
