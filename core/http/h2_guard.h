// H2Guard: what a client may send beside requests, counted, so that frames that cost it nothing cannot keep a loop busy
// (RFC 9113 10.5). One a connection; it knows no socket.
#pragma once

#include <cstdint>

namespace edge {

class H2Guard {
 public:
  /// Frames that make work without a request; what each costs stands in the table of the source.
  enum class Kind : std::uint8_t {
    settings,
    ping,
    priority,
    reset,
    empty_data,
    window_update,
    refused,
    breach,
    ignored,
    other
  };

  /// Counts one. False: the client has sent more than anybody needs. `now`: milliseconds, Loop::now().
  bool lets_pass(Kind kind, std::uint64_t now);
  /// A DATA frame has gone out: its reader may open windows for it.
  void sent_data();

 private:
  static constexpr std::uint32_t kMost = 2'000;
  std::uint32_t left_ = kMost;
  std::uint64_t filled_at_ = 0;  // milliseconds; 0: never
};

/// For the log: "RST_STREAM".
const char* name_of(H2Guard::Kind kind);

}  // namespace edge
