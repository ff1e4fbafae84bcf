// ClientConnection: what the connections of every front door have in common: a place in their door's list, the way
// out through the loop's output, and the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/entrance.h"
#include "core/http/request.h"
#include "core/http/router.h"
#include "core/intrusive_list.h"
#include "core/net/socket.h"

namespace edge {

class Door;
class TlsStream;

class ClientConnection : public Socket, protected Deadline {
 public:
  /// Both outlive the connection.
  ClientConnection(Door& door, Entrance& entrance, const ConnectionInfo& info);
  virtual ~ClientConnection();

  /// Takes ownership of the descriptor. False: it could not be watched, and the caller deletes this.
  virtual bool begin(int fd) = 0;
  /// Closes now if nothing is under way, else after the present answer; who has only just connected has a moment for
  /// the first request.
  virtual void drain() = 0;
  /// Ends the tunnels of clients who are banned by now.
  virtual void end_banned_tunnels() {}
  /// Closes at once; what is being served is cancelled.
  virtual void tear() = 0;
  /// Closes at once if nothing is under way and no request has arrived, to make place for another. False: it stays.
  virtual bool give_way() = 0;
  /// Whether a request is under way, or its answer.
  virtual bool serves() const = 0;

  /// Before begin(): all that follows goes through it. Null: nothing of the kind.
  void speak_tls(std::unique_ptr<TlsStream> stream);
  const TlsStream* tls_stream() const { return tls_.get(); }
  /// The descriptor is another's from now on; on_closed() follows.
  int give_away();

  ConnectionInfo& info() { return info_; }
  Entrance& entrance() const { return entrance_; }
  /// What holds while no request is under way.
  const HttpSettings& settings() const { return entrance_.router()->first().http; }
  Door& door() const { return door_; }
  bool gone() const { return closing(); }

  // For its exchange -------------------------------------------------------------------------------------------
  /// Queues bytes of an answer; never waits. They leave with flush_output() or at the end of the turn.
  void queue(std::string_view bytes);
  /// Room in the loop's output without sending first; 0 when earlier bytes wait for the client.
  std::size_t queue_room() const;
  char* queue_reserve();  // where queue_room() bytes may be written
  void queue_commit(std::size_t bytes);
  /// Sends what is queued. What the kernel does not take stays pending. False: the connection is gone.
  bool flush_output(int flags = 0);
  bool has_pending() const;
  /// Sends without waiting; how much the kernel took, or -1 when the connection is gone.
  std::ptrdiff_t send_now(std::string_view bytes);
  /// The same, and what is queued before it, in one call of the kernel. Nothing may be pending; afterwards what was
  /// queued can be.
  std::ptrdiff_t send_behind_queued(std::string_view bytes);
  /// How far sendfile() will find in memory what a file holds from `offset` on: its end, or 0 when it may have to wait,
  /// or when the bytes are encrypted and so read by send_file_now() itself.
  std::uint64_t warm_until(int file, std::uint64_t offset, std::uint64_t size) const;
  /// As send_now(), from a file: kTooShort when it ends before `size`, kCold when what comes next is not in memory, and
  /// so to be read on the thread pool first. What ends before `warm_until` is known to be there; it grows by what is
  /// seen, and by what the caller has read.
  std::ptrdiff_t send_file_now(int file, std::uint64_t offset, std::uint64_t size, std::uint64_t& warm_until);
  static constexpr std::ptrdiff_t kTooShort = -2;
  static constexpr std::ptrdiff_t kCold = -3;
  /// What has arrived and fits: bytes, 0 when the client has ended, kNothingNow or kBroken.
  std::ptrdiff_t receive(char* to, std::size_t size);
  static constexpr std::ptrdiff_t kNothingNow = -1;
  static constexpr std::ptrdiff_t kBroken = -2;
  /// Has the next bytes told, whenever they come.
  void listen() { want_read(true); }
  void wait_readable(Milliseconds timeout);
  void wait_writable(Milliseconds timeout);
  void done_waiting();

 protected:
  static constexpr Milliseconds kFirstRequest{1'000};  // for who has only just connected, when room or time runs out
  enum class Idle : std::uint8_t { no, unasked, kept };

  /// Whether nothing is under way: then it may have to give way to another.
  void set_idle(bool idle);

  /// As Socket's, and sees to it that what lies in the TLS stream is read.
  void want_read(bool wanted);
  /// Whether the error in errno is no end of the connection.
  static bool would_block();
  void send_pending();
  /// What the kernel did not take waits for the client.
  void keep_pending(std::string_view bytes);
  /// Ends the sending side and reads on for a moment, so that the answer is not lost to a reset.
  void linger();
  /// While it lingers: drops what has arrived.
  void discard_input();
  /// Tears with a reset: a plain end would say that the content is complete.
  void break_off();
  /// Drops what is queued and closes the descriptor.
  void shut();

  Door& door_;
  Entrance& entrance_;
  [[no_unique_address]] ConnectionInfo info_;  // its padding has room for the next two

 private:
  friend class Door;
  friend class IdleClients;
  bool broken_off_ = false;   // what was sent is not all, so TLS does not end properly
  bool reads_again_ = false;  // in the door's list
  bool passed_on_ = false;    // another counts in its place
  Idle idle_ = Idle::no;      // in which list of the door's idle clients
  std::ptrdiff_t write(std::string_view head, std::string_view content, int flags);
  std::ptrdiff_t encrypt_file_now(int file, std::uint64_t offset, std::uint64_t size, std::uint64_t warm_until);
  void await_room();
  /// TLS may have had something to say while it read.
  void look_after_unsent();

  std::unique_ptr<TlsStream> tls_;        // null: plain
  std::unique_ptr<std::string> pending_;  // answered, but not yet taken by the kernel, or by TLS
  ClientConnection* next_ = nullptr;      // the door's list
  ClientConnection* previous_ = nullptr;
  ListLink<ClientConnection> idle_link_;
  std::uint64_t idle_since_ = 0;  // Loop::now()
};

/// The client closed its connection, or it broke.
Error client_gone();

}  // namespace edge
