// TlsTickets: the keys of session tickets, one set for the whole process, so that a session resumes on every loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <shared_mutex>

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;
struct ssl_ctx_st;

namespace edge {

/// Any thread; outlives all sessions. A key makes tickets for an hour and opens them for two more; the next new key
/// wipes it, so that whoever steals the process's memory cannot open what was recorded before. Readers share a lock,
/// which costs a handshake one atomic addition; they wait only while an hour's key is put in place.
class TlsTickets {
 public:
  static constexpr std::int64_t kMakes = 60 * 60;         // seconds
  static constexpr std::int64_t kOpens = 3 * kMakes;      // seconds
  static constexpr std::int64_t kGood = kOpens - kMakes;  // seconds: the lifetime that is told to clients
  using Clock = std::int64_t (*)();                       // seconds of a clock that never goes back

  TlsTickets();
  explicit TlsTickets(Clock clock);
  TlsTickets(const TlsTickets&) = delete;
  TlsTickets& operator=(const TlsTickets&) = delete;
  ~TlsTickets();

  /// Readies both contexts to make a ticket; fills the 16 bytes of `name` and of `iv`. False: no key could be made, or
  /// OpenSSL failed, and the client gets no ticket.
  bool seal(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac);

  enum class Opened : std::uint8_t { unknown, newest, older, failed };
  /// Readies both contexts to open a ticket that was made with the key called `name`.
  Opened open(const unsigned char* name, const unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac);

 private:
  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
    std::int64_t made;  // by the clock
    bool set;
  };
  bool rotate(std::int64_t now);

  const Clock clock_;
  std::shared_mutex mutex_;
  std::array<Key, kOpens / kMakes> keys_{};  // the newest first
};

}  // namespace edge
