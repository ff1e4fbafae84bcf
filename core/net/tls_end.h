// TlsEnd: TLS of one connected socket, whichever end of it this is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/net/tls_output.h"
#include "core/net/tls_pointers.h"

namespace edge {

/// One thread. The descriptor is non-blocking and its owner's, who closes it after this is gone. Nothing here waits:
/// what the kernel did not take is kept and goes out first with the next call; while has_unsent(), its owner waits
/// until the socket is writable and calls flush_unsent(). An idle end holds no buffer.
class TlsEnd {
 public:
  static constexpr std::ptrdiff_t kNothingNow = -1;                                          // read()
  static constexpr std::ptrdiff_t kBroken = -2;                                              // read()
  static constexpr std::ptrdiff_t kTooShort = -2;                                            // write_file()
  static constexpr std::ptrdiff_t kCold = -3;                                                // write_file()
  static constexpr std::size_t kMostUnsent = TlsOutput::kCapacity + 2 * TlsOutput::kRecord;  // bytes

  TlsEnd(const TlsEnd&) = delete;
  TlsEnd& operator=(const TlsEnd&) = delete;

  enum class Step : std::uint8_t {
    done,         // once; has_unread() and has_unsent() may be true
    wants_read,   // again when the socket is readable
    wants_write,  // again when it is writable
    not_tls,      // plain text: nothing was sent by a server, so an answer in plain text may be
    failed,       // error() says why, and the peer has been told as far as the kernel took it
  };
  Step handshake();

  /// As much as fits and is there: bytes, or 0 when the peer has ended, kNothingNow, kBroken (see error()).
  std::ptrdiff_t read(char* to, std::size_t size);
  /// After read() or handshake(): more may be inside, of which the socket will not tell. The caller reads again.
  bool has_unread() const { return has_unread_; }
  /// Whether read() would give something else than kNothingNow. Takes in messages that are no content.
  bool has_content();
  /// After read() returned 0: the connection ended without TLS's own end, so what came before may be cut short.
  bool truncated() const { return end_of_file_; }

  /// How many bytes were taken, fewer (also 0) when the socket is full; -1: broken.
  std::ptrdiff_t write(std::string_view content) { return write({}, content); }
  /// The same, `head` first, both in the same records.
  std::ptrdiff_t write(std::string_view head, std::string_view content);
  /// The same of a file: kTooShort when it ends before `size`; kCold when what comes next is not in memory, so that
  /// reading might wait. `warm`: it was just read by another thread, and is taken whatever the page cache says now.
  std::ptrdiff_t write_file(int file, std::uint64_t offset, std::uint64_t size, bool warm);

  /// Encrypted bytes that the kernel has taken, those of the handshake too. A write() that breaks may have added some.
  std::uint64_t sent() const { return sent_; }
  /// Encrypted bytes that the kernel has not taken: at most kMostUnsent.
  bool has_unsent() const { return !unsent_.empty(); }
  /// 1 when nothing is left, 0 when something is, -1 when broken.
  int flush_unsent();

  /// Tells the peer that nothing follows, as far as the kernel takes it now.
  void end();

  /// Why it failed or broke, for the log; empty before.
  const std::string& error() const { return error_; }

  // What is known after the handshake ---------------------------------------------------------------------------
  std::string_view alpn() const;      // "h2", "http/1.1" or empty
  std::string_view protocol() const;  // "TLSv1.3"
  std::string_view cipher() const;    // OpenSSL's name
  bool resumed() const;

 protected:
  /// `output` belongs to the loop and outlives this. Without a session each call fails.
  TlsEnd(SslPointer session, TlsOutput& output, int fd);
  virtual ~TlsEnd();

  ssl_st* session() const { return session_.get(); }
  /// Frees the session while what its callbacks need is still there.
  void close() { session_.reset(); }

 private:
  friend struct TlsSocketMethod;

  /// Why OpenSSL refuses to go on. Empties its queue of errors.
  virtual std::string refusal() = 0;
  /// "client" or "server".
  virtual std::string_view peer() const = 0;

  /// What the socket gave: bytes, 0 at the end, -1 for an error or, with `again`, for nothing now.
  int receive(char* to, int size, bool& again);
  /// What OpenSSL writes: gathered, sent, or kept behind what waits already. False: broken.
  bool take(std::string_view records);
  bool keep(std::string_view records);
  /// Sends what was gathered, then `records`; what the kernel does not take waits. False: broken.
  bool send_with(std::string_view records);
  bool send_gathered();
  bool encrypt(std::string_view content);
  std::ptrdiff_t read_result();
  Step handshake_result();
  void stop_sending(std::string why);
  void break_off(std::string why);

  TlsOutput& output_;
  SslPointer session_;
  std::string unsent_;
  std::string error_;
  std::uint64_t sent_ = 0;
  std::size_t receives_ = 0;  // left in this call
  int fd_;
  bool more_follows_ = false;  // another record leaves with the one that is made
  bool has_unread_ = false;
  bool end_of_file_ = false;
  bool heard_ = false;  // the first byte has come
  bool plain_text_ = false;
  bool ended_ = false;    // the peer said so, or ended its sending
  bool unheard_ = false;  // nothing more can be sent
  bool broken_ = false;
};

}  // namespace edge
