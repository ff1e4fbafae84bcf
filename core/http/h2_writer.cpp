// The writing half of H2Stream: the head of an answer, and its content, which stays where it is until a DATA frame has
// room for it.
#include <nghttp2/nghttp2.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "core/http/door.h"
#include "core/http/h2_connection.h"
#include "core/http/h2_field_names.h"
#include "core/http/h2_session.h"
#include "core/http/h2_stream.h"
#include "core/http/own_fields.h"
#include "core/page_cache.h"

namespace edge {

namespace {

constexpr std::size_t kFieldFraming = 4;  // so that $bytes_sent counts heads as HTTP/1 would write them

/// The fields of an answer, in memory of its request. nghttp2 copies them, and writes names in lower case; those that
/// are known it takes as they lie.
class Fields {
 public:
  Fields(Arena& arena, std::size_t most)
      : fields_(static_cast<nghttp2_nv*>(arena.allocate(most * sizeof(nghttp2_nv)))) {}

  void add_status(std::string_view value) { add(":status", value, NGHTTP2_NV_FLAG_NO_COPY_NAME); }
  void add(HeaderName id, std::string_view value) { add(h2_field_name(id), value, NGHTTP2_NV_FLAG_NO_COPY_NAME); }
  void add(const HeaderField& field) {
    if (field.id != HeaderName::other) return add(field.id, field.value);
    add(field.name, field.value, NGHTTP2_NV_FLAG_NONE);
  }
  std::span<const nghttp2_nv> all() const { return {fields_, count_}; }
  std::size_t size() const { return size_; }

 private:
  void add(std::string_view name, std::string_view value, std::uint8_t flags) {
    const auto bytes = [](std::string_view text) {
      return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    new (fields_ + count_++) nghttp2_nv{bytes(name), bytes(value), name.size(), value.size(), flags};
    size_ += name.size() + value.size() + kFieldFraming;
  }

  nghttp2_nv* fields_;
  std::size_t count_ = 0;
  std::size_t size_ = 0;
};

/// Of the connection, which in HTTP/2 says such things in frames (RFC 9113 8.2.2).
bool is_of_http1(HeaderName id) {
  return id == HeaderName::upgrade || id == HeaderName::proxy_connection;
}

std::string_view decimal(std::uint64_t number, std::span<char, 24> digits) {
  return {digits.data(),
          static_cast<std::size_t>(std::to_chars(digits.data(), digits.data() + 24, number).ptr - digits.data())};
}

}  // namespace

void H2Stream::write_head(const Response& response, std::optional<std::uint64_t> length, bool has_content) {
  constexpr std::size_t kOwnFields = 4;
  Fields fields(arena_, response.headers.size() + kOwnFields);
  char status[24];
  char digits[24];
  note_tunnel(response);
  continue_sent_ = true;  // too late now
  fields.add_status(tunnelled_ ? "200" : decimal(static_cast<std::uint64_t>(response.status), status));
  const HttpSettings& http = settings();
  if (!http.server_header.empty()) fields.add(HeaderName::server, http.server_header);
  fields.add(HeaderName::date, loop_.http_date());
  for (const HeaderField& field : response.headers) {
    if (!is_the_doors_own(field.id) && !is_of_http1(field.id)) fields.add(field);
  }
  if (length && response.status != 204 && response.status >= 200)
    fields.add(HeaderName::content_length, decimal(*length, digits));
  head_bytes_ = fields.size();
  bytes_written_ += head_bytes_;
  content_left_ = length;
  const bool content_follows = has_content && length != std::optional<std::uint64_t>(0);
  if (!content_follows) complete_ = finished_ = true;
  if (closed_) return;
  h2_session::submit_answer(connection().session(), *this, fields.all(), content_follows);
  connection().wants_turn();
}

void H2Stream::send_interim(int status, const HeaderList& from) {
  if (closed_) return;
  Fields fields(arena_, from.size() + 1);
  char code[24];
  fields.add_status(decimal(static_cast<std::uint64_t>(status), code));
  for (const HeaderField& field : from) {
    if (!is_the_doors_own(field.id) && !is_of_http1(field.id)) fields.add(field);
  }
  const std::span<const nghttp2_nv> all = fields.all();
  nghttp2_submit_headers(connection().session(), NGHTTP2_FLAG_NONE, id_, nullptr, all.data(), all.size(), nullptr);
  connection().wants_turn();
}

bool H2Stream::submit_trailers() {
  if (!trailers_) return false;
  Fields fields(arena_, trailers_->size());
  for (const HeaderField& field : *trailers_) {
    if (!is_the_doors_own(field.id) && !is_of_http1(field.id)) fields.add(field);
  }
  bytes_written_ += fields.size();
  const std::span<const nghttp2_nv> all = fields.all();
  trailers_ = nullptr;
  return nghttp2_submit_trailer(connection().session(), id_, all.data(), all.size()) == 0;
}

std::size_t H2Stream::fill(char* to, std::size_t size) {
  std::size_t filled = 0;
  if (file_.fd >= 0) {
    const ssize_t got = read_from_memory(file_.fd, to, std::min<std::uint64_t>(size, file_.left), file_.offset);
    filled = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    file_.offset += filled;
    file_.left -= filled;
    if (file_.left == 0 || filled == 0) file_.fd = -1;  // cold, or cut short: write_file() finds out which
  } else {
    filled = unsent_.copy(to, size);
    unsent_.remove_prefix(filled);
  }
  bytes_written_ += filled;
  if (content_left_) *content_left_ -= std::min<std::uint64_t>(*content_left_, filled);
  if (!has_unsent()) withdraw();
  complete_ = !has_unsent() && (content_left_ ? *content_left_ == 0 : finished_);
  deferred_ = filled == 0 && !complete_;
  if (has_unsent() && filled > 0 && waits(For::room)) loop_.arm(*this, settings().send_timeout);
  return filled;
}

void H2Stream::offer(std::string_view content) {
  unsent_ = content;
  offered();
}

void H2Stream::offer(FilePart part) {
  file_ = part;
  offered();
}

void H2Stream::offered() {
  offered_ = true;
  connection().content_offered();
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(connection().session(), id_);
  connection().wants_turn();
}

/// There is no content that waits: it was taken, or whoever made it has gone.
void H2Stream::withdraw() {
  unsent_ = {};
  file_.fd = -1;
  if (!std::exchange(offered_, false)) return;
  connection().content_withdrawn();
  if (waits(For::room)) connection().due(*this);
}

Task<Result<void>> H2Stream::until_taken() {
  loop_.arm(*this, settings().send_timeout);
  const Result<void> taken = co_await Wait(*this, For::room);
  withdraw();
  co_return taken;
}

bool H2Stream::try_write(std::string_view content) {
  if (content.empty()) return true;
  if (closed_ || !connection().takes_now(*this, content.size(), head_bytes_)) return false;
  offer(content);
  connection().serialise();
  unsent_ = arena_.copy(unsent_);  // nothing, unless another stream was let in first
  return true;
}

Task<Result<void>> H2Stream::write(std::string_view content) {
  if (content.empty()) co_return {};
  if (closed_) co_return std::unexpected(client_gone());
  offer(content);
  const Result<void> taken = co_await until_taken();
  co_return taken;
}

bool H2Stream::try_write_file(int fd, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return true;
  if (length > h2_session::kMostInFrame || closed_) return false;  // a frame has all of it or nothing
  if (!connection().takes_now(*this, length, head_bytes_)) return false;
  const std::uint64_t before = bytes_written_;
  offer(FilePart(fd, offset, length));
  connection().serialise();
  withdraw();
  return bytes_written_ > before;
}

Task<Result<void>> H2Stream::write_file(int fd, std::uint64_t offset, std::uint64_t length) {
  while (length > 0) {
    if (closed_) co_return std::unexpected(client_gone());
    const std::uint64_t before = bytes_written_;
    offer(FilePart(fd, offset, length));
    const Result<void> warm = co_await until_taken();
    if (!warm) co_return warm;
    offset += bytes_written_ - before;
    length -= bytes_written_ - before;
    if (length == 0) break;
    // Not in the page cache, or the file system cannot tell: a disk must not stop the loop.
    Buffer part = connection_->door().bodies().acquire();
    const std::size_t most = std::min<std::uint64_t>(part.capacity(), length);
    const auto read = [fd, offset, most, to = part.data()] { return pread(fd, to, most, static_cast<off_t>(offset)); };
    const ssize_t got = co_await loop_.offload(read);
    if (got < 0) co_return fail(ErrorKind::internal, Side::ours, "a file could not be read");
    if (got == 0) co_return fail(ErrorKind::internal, Side::ours, "a file became shorter while it was sent");
    if (closed_) co_return std::unexpected(client_gone());
    offer(std::string_view(part.data(), static_cast<std::size_t>(got)));
    const Result<void> cold = co_await until_taken();
    if (!cold) co_return cold;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::uint64_t>(got);
  }
  co_return {};
}

/// What was written is in frames already, and leaves at the end of the turn.
Task<Result<void>> H2Stream::flush() {
  if (closed_) co_return std::unexpected(client_gone());
  connection().wants_turn();
  co_return {};
}

void H2Stream::finish(const HeaderList* trailers) {
  if (std::exchange(finished_, true) || closed_) return;
  if (trailers && takes_trailers(request->headers)) trailers_ = trailers;
  if (content_left_.value_or(0) > 0 && !has_unsent()) return reset(NGHTTP2_INTERNAL_ERROR);  // less than was promised
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(connection().session(), id_);
  connection().wants_turn();
}

void H2Stream::abort() {
  Exchange::abort();
  reset(NGHTTP2_INTERNAL_ERROR);
}

}  // namespace edge
