// One request's answer on its way to the edge: frames, the promised length, and an edge that wants no more of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "appserver/gateway/frame_sink.h"
#include "appserver/gateway/head.h"
#include "appserver/gateway/log.h"
#include "appserver/gateway/python.h"
#include "appserver/wire.h"

namespace edge::gateway {

/// Used for one request after the other by a WSGI thread, for a single one by ASGI. Needs the interpreter's lock, which
/// is released only where the sink waits.
class Answer {
 public:
  /// A head of at most `head_room` bytes needs no memory of its own.
  Answer(LogLines& log, std::size_t head_room);

  /// A new request, whose frames go to `sink`. Nobody wants its answer any more once `cancelled`, which another process
  /// may write, is its sequence. Without a body (HEAD) what the app sends is counted and dropped.
  void open(const wire::RequestHeader& request, FrameSink& sink, const std::uint64_t& cancelled, bool is_head);

  /// The head as start_response was given it; a second one replaces the first as long as nothing was sent. false with a
  /// Python error set: there is no head then.
  bool set_head(PyObject* status, PyObject* headers);
  /// One that was encoded elsewhere, of head.size bytes.
  void set_head(const Head& head, const char* encoded);
  bool has_head() const { return has_head_; }
  bool head_sent() const { return head_sent_; }

  /// Sends pieces of the body, and the head before the first that is not empty. `complete`: there are no more. The
  /// pieces are changed. false: nobody wants the rest (see is_wanted()), or this was more than the promised length, or
  /// a Python error is set.
  bool send(std::span<iovec> pieces, bool complete);
  /// Sends the head ahead of the body, where it has not been sent and a body may follow. false as send().
  bool send_head();
  /// Sends the head with a part of an open file as the whole body, cut at the promised length; the app has come to its
  /// end. Only while no head was sent. Nothing is read here.
  void send_file(Descriptor file, wire::FilePart part);
  /// The app has come to its end without an error.
  void finish() { send({}, true); }
  /// The app failed, or nobody wants the rest. Nothing happens when the last frame was sent already.
  void fail();

  /// false: the client has left, or the edge itself.
  bool is_wanted();
  /// The edge has closed the channel.
  bool is_cut_off() const { return cut_off_; }
  /// The last frame was sent, or cannot be.
  bool is_finished() const { return finished_; }
  /// Bytes of the body that were handed to the sink, those of a file left out.
  std::uint64_t transmitted() const { return transmitted_; }

 private:
  static constexpr std::size_t kMostParts = 64;

  std::uint64_t clip(std::span<iovec> pieces);
  bool send_frames(std::span<iovec> pieces, std::uint16_t last_flags);
  std::uint16_t fill_frame(std::span<iovec>& pieces, std::array<iovec, kMostParts>& parts, std::size_t& count);
  void write_frame_header(std::size_t payload, std::uint16_t flags);
  bool is_bodiless() const;
  void fail_short(std::uint64_t size);
  bool transmit(std::span<iovec> parts, Descriptor file = {});
  void make_room(std::size_t head_size);

  LogLines& log_;
  std::unique_ptr<char[]> head_bytes_;  // a frame header, then the head
  std::size_t head_room_ = 0;
  Head head_;
  FrameSink* sink_ = nullptr;
  const std::uint64_t* cancelled_ = nullptr;
  std::uint64_t sequence_ = 0;
  std::uint32_t place_ = 0;
  std::uint64_t body_size_ = 0;  // of what the app sent so far, the promised length at most
  std::uint64_t transmitted_ = 0;
  bool is_head_request_ = false;
  bool has_head_ = false;
  bool head_sent_ = false;
  bool finished_ = false;
  bool overrun_ = false;
  bool cut_off_ = false;
  bool sending_ = false;
};

}  // namespace edge::gateway
