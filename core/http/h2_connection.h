// H2Connection: one client connection that speaks HTTP/2 (RFC 9113), by a session of nghttp2. What arrives is fed to
// the session, which only takes note; at the end of the loop's turn handlers run, and what all of them answered leaves
// in one send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/client_connection.h"
#include "core/http/h2_frame_heads.h"
#include "core/http/h2_guard.h"
#include "core/http/h2_memory.h"
#include "core/net/turn_end.h"

struct nghttp2_session;

namespace edge {

class H2Stream;

class H2Connection final : public ClientConnection, private TurnEnd {
 public:
  H2Connection(Door& door, Entrance& entrance, const ConnectionInfo& info);
  ~H2Connection() override;

  bool begin(int fd) override;
  /// Tells the client to send no new requests, answers those that are under way, and closes.
  void drain() override;
  void end_banned_tunnels() override;
  void tear() override;
  bool give_way() override;
  bool serves() const override { return streams_ > 0 || has_pending(); }

  // What nghttp2 tells ------------------------------------------------------------------------------------------
  /// These four answer false when the client goes too far and the connection must end.
  bool frame_begins(std::uint8_t type, std::uint8_t flags, std::int32_t stream, std::size_t length);
  bool stream_begins(std::int32_t id);  // with its head
  bool field_arrives(std::size_t bytes);
  bool only_padding_arrives();
  void head_begins() { in_head_ = true; }
  void head_ends() { in_head_ = false; }
  /// Whose head arrives; null for a request that was refused.
  H2Stream* arriving() const { return arriving_; }
  void settings_arrived() { greeted_ = true; }
  void drain_answered();
  /// A stream was reset: by the client's fault, if the code says so.
  void reset_sent(std::uint32_t code);
  /// Makes room for a DATA frame, where its content is to be put, and how much at most.
  std::size_t stage_frame();
  char* staged();
  /// Queues the frame whose content is staged. False: not now.
  bool send_staged(std::string_view frame_head, std::size_t size);

  // For its streams ---------------------------------------------------------------------------------------------
  /// Awake, whatever it was before.
  nghttp2_session* session() {
    memory_.bring_back();
    return session_;
  }
  /// The stream has something to do at the end of the turn.
  void due(H2Stream& stream);
  void wants_turn();
  void content_offered() { ++offered_; }
  void content_withdrawn() { --offered_; }
  /// Whether an answer of so many bytes, with its head, would be in the output after serialise(), and nothing before
  /// it.
  bool takes_now(const H2Stream& stream, std::size_t content, std::size_t head);
  /// Moves what the session has to say into the output, as far as there is room. Runs no handler.
  void serialise();
  /// Whether content of any stream has left within that time: then a stream may wait for its turn still.
  bool moved_within(Milliseconds time) const;
  /// A stream has waited for a window in vain: if all of them must, this is the end.
  void stalled();

 private:
  enum class State : std::uint8_t { open, ending, lingering };
  enum class Awaits : std::uint8_t { nothing, preface, head, request_soon, request, drain_answer };

  void on_readable() override;
  void on_writable() override;
  void on_closed() override;
  void on_deadline() override;
  void on_turn_end() override;

  void renew_budget();
  void take_in();
  void run_due();
  void release(H2Stream& stream);
  void cancel_streams();
  void end_tunnels();
  void settle();
  Awaits awaited() const;
  void set_deadline();
  bool rests() const;
  bool is_idle() const;
  void end_with(std::uint32_t code, std::string_view why);
  bool flood(const char* what);
  bool is_of_ended_stream(std::int32_t id);
  bool overlooks(std::size_t frames);

  H2Memory memory_;
  nghttp2_session* session_ = nullptr;  // for session() alone: it may be put by
  H2Stream* first_ = nullptr;           // all streams
  H2Stream* arriving_ = nullptr;        // valid within a head: nothing else can arrive between
  H2Stream* first_due_ = nullptr;
  H2Stream* last_due_ = nullptr;
  std::size_t streams_ = 0;
  std::size_t offered_ = 0;      // streams with content that no frame has had room for
  std::size_t budget_ = 0;       // bytes that may still be serialised in this turn
  std::uint64_t budget_of_ = 0;  // Loop::turn()
  std::uint64_t moved_at_ = 0;   // Loop::now() when content left last
  std::size_t head_left_ = 0;    // bytes that the decoder may make of the head that arrives
  std::uint32_t continuations_ = 0;
  const char* flood_ = nullptr;  // what there was too much of
  std::size_t noticed_ = 0;      // frames in what arrives, as far as nghttp2 told of them
  H2FrameHeads heads_;
  H2Guard guard_;
  State state_ = State::open;
  Awaits awaits_ = Awaits::nothing;
  bool greeted_ = false;        // the preface is complete
  bool in_head_ = false;        // a head has begun and is not complete
  bool draining_ = false;       // the client was told
  bool takes_no_more_ = false;  // and no new request counts
  bool staged_ = false;         // the content of the next frame lies in the output; else in spare_
  bool blocked_ = false;        // serialise() waits for the kernel, or for the next turn
  bool in_turn_ = false;        // on_turn_end() runs, or follows at once
  bool again_ = false;          // and something wants it to go on
  bool socket_closed_ = false;
  std::unique_ptr<char[]> spare_;  // content of a frame that was begun when there was no room
};

}  // namespace edge
