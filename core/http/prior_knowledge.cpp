// Looks at the first bytes and leaves them where they are.
#include "core/http/prior_knowledge.h"

#include <sys/socket.h>

#include <algorithm>
#include <string_view>

#include "core/http/door.h"
#include "core/net/tls_stream.h"

namespace edge {

namespace {
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kTelling = 4;    // "PRI " begins no request of HTTP/1; the rest is for HTTP/2 to judge
constexpr Milliseconds kLookAgain{5};  // until there are so many: bytes that stay in the socket would wake for ever
}  // namespace

bool PriorKnowledge::begin(int fd) {
  if (watch(door_.loop(), fd) != 0) return false;
  loop().arm(*this, settings().keepalive_timeout);
  return true;
}

void PriorKnowledge::on_readable() {
  char bytes[kPreface.size()];
  const ssize_t got = ::recv(fd(), bytes, sizeof bytes, MSG_PEEK);
  if (got <= 0) {
    if (got == 0 || !would_block()) tear();
    return;
  }
  const std::string_view begin(bytes, static_cast<std::size_t>(got));
  if (!kPreface.starts_with(begin)) return become(false);
  if (begin.size() >= kTelling) return become(true);
  want_read(false);
  loop().arm(*this, kLookAgain);
}

void PriorKnowledge::become(bool http2) {
  door_.pass_on(*this, door_.http_connection(entrance_, info_, http2), nullptr);
}

void PriorKnowledge::on_deadline() {
  const bool is_idle = wants_read();
  looked_ += kLookAgain;
  if (is_idle || looked_ >= settings().header_timeout) return tear();
  want_read(true);
  on_readable();
}

/// As an idle connection of HTTP/1 that has only just connected.
void PriorKnowledge::drain() {
  if (!gone() && wants_read()) loop().arm(*this, kFirstRequest);
}

void PriorKnowledge::tear() {
  if (!gone()) shut();
}

void PriorKnowledge::on_closed() {
  door_.closed(*this);
}

}  // namespace edge
