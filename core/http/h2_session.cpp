// nghttp2's callbacks: frames become calls on streams and on their connection.
#include "core/http/h2_session.h"

#include <cstring>

#include "core/http/h2_connection.h"
#include "core/http/h2_memory.h"
#include "core/http/h2_stream.h"

namespace edge::h2_session {

namespace {

constexpr std::uint8_t kDrainQuestion[8] = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};

H2Connection& connection_of(void* user) {
  return *static_cast<H2Connection*>(user);
}

H2Stream* stream_of(nghttp2_session* session, std::int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

int on_begin_frame(nghttp2_session* session, const nghttp2_frame_hd* head, void* user) {
  if (head->type == NGHTTP2_PRIORITY && head->stream_id == 0) {  // nghttp2 ignores the type altogether (RFC 9113 6.3)
    return nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
  }
  return connection_of(user).frame_begins(head->type, head->flags, head->stream_id, head->length)
             ? 0
             : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  connection_of(user).head_begins();
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  return connection_of(user).stream_begins(frame->hd.stream_id) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
  H2Connection& connection = connection_of(user);
  if (!connection.field_arrives(name_size + value_size)) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers: nothing acts upon them
  if (H2Stream* const stream = connection.arriving()) stream->head.add(text(name, name_size), text(value, value_size));
  return 0;
}

int on_data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                  void*) {
  H2Stream* const stream = stream_of(session, id);
  if (!stream) return nghttp2_session_consume(session, id, size);
  return stream->content_arrived(text(bytes, size)) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

bool is_only_padding(const nghttp2_frame& frame) {
  return frame.hd.type == NGHTTP2_DATA && frame.hd.length > 0 && frame.hd.length == frame.data.padlen &&
         (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
}

int on_frame_recv(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  H2Connection& connection = connection_of(user);
  const bool carries_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (carries_request) {
    const bool is_head = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    H2Stream* const stream = is_head ? connection.arriving() : stream_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS) connection.head_ends();
    if (!stream) return 0;
    if (is_only_padding(*frame) && !connection.only_padding_arrives()) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) stream->body_ended();
    if (is_head) stream->head_arrived();
  } else if (frame->hd.type == NGHTTP2_SETTINGS) {
    connection.settings_arrived();
  } else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) &&
             std::memcmp(frame->ping.opaque_data, kDrainQuestion, sizeof kDrainQuestion) == 0) {
    connection.drain_answered();
  }
  return 0;
}

int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
  connection_of(user).head_ends();
  return 0;
}

/// The head of an answer that is too large for a header block: without it the stream would wait for ever.
int on_frame_not_send(nghttp2_session* session, const nghttp2_frame* frame, int, void*) {
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
}

/// An answer that was complete before its request: the client need not go on (RFC 9113 8.1).
int on_frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  if (frame->hd.type == NGHTTP2_RST_STREAM) connection_of(user).reset_sent(frame->rst_stream.error_code);
  const bool carries_answer = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (carries_answer && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
      nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t, void*) {
  if (H2Stream* const stream = stream_of(session, id)) stream->forgotten();
  return 0;
}

ssize_t most_of_frame(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t, std::int32_t, std::uint32_t,
                      void* user) {
  return static_cast<ssize_t>(connection_of(user).stage_frame());
}

ssize_t read_content(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t most, std::uint32_t* flags,
                     nghttp2_data_source* source, void* user) {
  auto& stream = *static_cast<H2Stream*>(source->ptr);
  const std::size_t filled = stream.fill(connection_of(user).staged(), most);
  if (filled == 0 && !stream.answer_complete()) return NGHTTP2_ERR_DEFERRED;
  *flags = NGHTTP2_DATA_FLAG_NO_COPY;
  if (stream.answer_complete()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.submit_trailers()) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
  return static_cast<ssize_t>(filled);
}

int send_content(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size, nghttp2_data_source*,
                 void* user) {
  return connection_of(user).send_staged(text(head, kFrameHead), size) ? 0 : NGHTTP2_ERR_WOULDBLOCK;
}

const nghttp2_session_callbacks* callbacks() {
  static const nghttp2_session_callbacks* const table = [] {
    nghttp2_session_callbacks* made = nullptr;
    if (nghttp2_session_callbacks_new(&made) != 0) std::abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(made, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(made, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, on_frame_not_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
    nghttp2_session_callbacks_set_data_source_read_length_callback(made, most_of_frame);
    nghttp2_session_callbacks_set_send_data_callback(made, send_content);
    return made;
  }();
  return table;
}

const nghttp2_option* options() {
  constexpr std::size_t kMostAnswersQueued = 100;  // of SETTINGS and PING, for a client that does not read them
  constexpr std::size_t kAnswerTable = 1024;       // bytes of HPACK: about 15 fields, which take 3 KiB of memory
  constexpr std::size_t kMostOfHead = 256 * 1024;  // bytes of an answer's fields, before they are compressed
  static const nghttp2_option* const table = [] {
    nghttp2_option* made = nullptr;
    if (nghttp2_option_new(&made) != 0) std::abort();
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_closed_streams(made, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(made, kAnswerTable);
    nghttp2_option_set_max_send_header_block_length(made, kMostOfHead);
    nghttp2_option_set_max_outbound_ack(made, kMostAnswersQueued);
    nghttp2_option_set_builtin_recv_extension_type(made, NGHTTP2_PRIORITY_UPDATE);
    return made;
  }();
  return table;
}

}  // namespace

nghttp2_session* make(H2Connection& connection, const HttpSettings& limits, H2Memory& memory) {
  nghttp2_session* session = nullptr;
  nghttp2_mem hooks = memory.hooks();
  if (nghttp2_session_server_new3(&session, callbacks(), &connection, options(), &hooks) != 0) std::abort();
  memory.session_is_made();
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMostStreams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.max_header_size},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},  // RFC 8441 3
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  return session;
}

void submit_answer(nghttp2_session* session, H2Stream& stream, std::span<const nghttp2_nv> fields,
                   bool content_follows) {
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = read_content;
  nghttp2_submit_response(session, stream.id(), fields.data(), fields.size(), content_follows ? &provider : nullptr);
}

void announce_end(nghttp2_session* session) {
  nghttp2_submit_shutdown_notice(session);
  nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, kDrainQuestion);
}

void take_no_more(nghttp2_session* session) {
  const std::int32_t last = nghttp2_session_get_last_proc_stream_id(session);
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

}  // namespace edge::h2_session
