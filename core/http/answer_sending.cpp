// What fits leaves at once; the rest as the client takes it.
#include "core/http/answer_sending.h"

#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "core/limits/paced_writer.h"

namespace edge {

namespace {

bool status_has_content(int status) {
  return status >= 200 && status != 204 && status != 304;
}

/// Head and content leave together where the first chunk is there; else the client sees the head meanwhile.
Task<Result<void>> send_source(Request& request, BodySource& source, const Response& response, ResponseWriter& writer) {
  const bool may_take_time = source.waits();
  Task<Result<BodySource::Chunk>> first = source.pull();
  const bool head_goes_first = may_take_time && !first.done();
  Result<void> begun;
  if (head_goes_first) {
    writer.write_head(response, source.length(), true);
    begun = co_await writer.flush();
    if (!begun) request.cancellation.request();  // that ends the pull, which is never left alone
  }
  Result<BodySource::Chunk> chunk = co_await first;
  if (!begun) co_return begun;
  if (!chunk) co_return std::unexpected(chunk.error());
  if (!head_goes_first) {
    std::optional<std::uint64_t> length = source.length();
    if (chunk->last && !source.trailers()) length = chunk->bytes.size();
    writer.write_head(response, length, true);
  }
  while (true) {
    if (!chunk->bytes.empty() && !writer.try_write(chunk->bytes)) {
      const Result<void> written = co_await writer.write(chunk->bytes);
      if (!written) co_return written;
    }
    request.sent.body_bytes += chunk->bytes.size();
    if (chunk->last) break;
    const Result<void> flushed = co_await writer.flush();
    if (!flushed) co_return flushed;
    chunk = co_await source.pull();
    if (!chunk) co_return std::unexpected(chunk.error());
  }
  co_return {};
}

Task<Result<void>> send_tunnel(Request& request, Response& response, ResponseWriter& writer, bool& head_sent) {
  writer.write_head(response, std::nullopt, true);
  head_sent = true;
  const std::uint64_t head = writer.bytes_written();
  Tunnel& tunnel = *std::get<std::unique_ptr<Tunnel>>(response.body);
  Result<void> done = co_await tunnel.run(request, writer);
  request.sent.body_bytes = writer.bytes_written() - head;
  co_return done;
}

}  // namespace

const HeaderList* trailers_of(const Response& response) {
  const auto* source = std::get_if<std::unique_ptr<BodySource>>(&response.body);
  return source ? (*source)->trailers() : nullptr;
}

bool send_at_once(Request& request, const Response& response, ResponseWriter& writer, SendProgress& progress) {
  if (std::holds_alternative<std::unique_ptr<Tunnel>>(response.body)) return false;
  const bool has_content = request.method != Method::head && status_has_content(response.status);
  if (has_content && std::holds_alternative<std::unique_ptr<BodySource>>(response.body)) return false;
  const auto* const bytes = std::get_if<std::string_view>(&response.body);
  const auto* const file = std::get_if<FileRange>(&response.body);
  std::optional<std::uint64_t> length;
  if (bytes) {
    length = bytes->size();
  } else if (file) {
    length = file->length;
  } else {
    length = has_content ? 0 : declared_length(response.headers);
  }
  writer.write_head(response, length, has_content);
  progress = {true, writer.bytes_written()};
  if (!has_content || (!bytes && !file)) return true;
  const bool queued =
      bytes ? writer.try_write(*bytes) : writer.try_write_file(file->fd.get(), file->offset, file->length);
  request.sent.body_bytes = writer.bytes_written() - progress.head;
  return queued;
}

Task<Result<void>> send_rest(Request& request, Response& response, ResponseWriter& writer, SendProgress& progress) {
  Result<void> done;
  if (std::holds_alternative<std::unique_ptr<Tunnel>>(response.body)) {
    done = co_await send_tunnel(request, response, writer, progress.head_sent);
    co_return done;
  }
  if (const auto* source = std::get_if<std::unique_ptr<BodySource>>(&response.body)) {
    done = co_await send_source(request, **source, response, writer);
    progress.head_sent = writer.bytes_written() > 0;
    co_return done;
  }
  if (const auto* bytes = std::get_if<std::string_view>(&response.body)) {
    done = co_await writer.write(*bytes);
  } else if (const auto* file = std::get_if<FileRange>(&response.body)) {
    done = co_await writer.write_file(file->fd.get(), file->offset, file->length);
  }
  request.sent.body_bytes = writer.bytes_written() - progress.head;
  co_return done;
}

Task<Result<void>> send_paced(Request& request, Response& response, const Limits& limits, ResponseWriter& writer,
                              SendProgress& progress) {
  PacedWriter paced(writer, limits, request);
  Result<void> done;
  if (!send_at_once(request, response, paced, progress)) {
    done = co_await send_rest(request, response, paced, progress);
  }
  co_return done;
}

}  // namespace edge
