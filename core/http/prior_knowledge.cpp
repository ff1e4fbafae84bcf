// Looks at the first bytes and leaves them where they are.
#include "core/http/prior_knowledge.h"

#include <sys/socket.h>

#include <string_view>
#include <utility>

#include "core/http/door.h"
#include "core/net/tls_stream.h"

namespace edge {

namespace {
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr int kTelling = 4;  // bytes: "PRI " begins no request of HTTP/1; the rest is for HTTP/2 to judge
}  // namespace

bool PriorKnowledge::begin(int fd) {
  if (!ConnectionBeginning::begin(fd)) return false;
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
  if (got >= kTelling) return become(true);
  if (std::exchange(waits_for_more_, true)) return tear();  // it ended in the middle
  // The bytes stay in the socket, and shall not wake anybody alone.
  if (!wake_at(kTelling)) return become(false);
  loop().arm(*this, settings().header_timeout);
}

/// Whether the kernel tells of bytes only when there are so many; a unix socket does not know that.
bool PriorKnowledge::wake_at(int bytes) {
  return info_.remote.family != Address::Family::none &&
         ::setsockopt(fd(), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) == 0;
}

void PriorKnowledge::become(bool http2) {
  if (waits_for_more_) wake_at(1);
  door_.pass_on(*this, door_.http_connection(entrance_, info_, http2), nullptr);
}

void PriorKnowledge::drain() {
  if (!waits_for_more_) ConnectionBeginning::drain();
}

}  // namespace edge
