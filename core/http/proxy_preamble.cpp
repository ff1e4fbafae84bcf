// Looks at what has arrived, and takes no byte that may belong to what follows.
#include "core/http/proxy_preamble.h"

#include <sys/socket.h>

#include "core/http/door.h"
#include "core/log.h"
#include "core/log_pace.h"
#include "core/net/proxy_protocol.h"
#include "core/net/tls_stream.h"
#include "core/trusted_proxies.h"

namespace edge {

void ProxyPreamble::on_readable() {
  const TrustedProxies* const trusted = entrance_.router()->trusted_proxies();
  if (!trusted || !trusted->contains(info_.remote)) return refuse("it is not in edge.trusted_proxies");
  char bytes[kMostProxyHeader];
  const std::size_t before = seen_.copy(bytes, sizeof bytes);
  const ssize_t got = ::recv(fd(), bytes + before, sizeof bytes - before, MSG_PEEK);
  if (got <= 0) {
    if (got == 0 || !would_block()) tear();
    return;
  }
  const ProxyHeader header = read_proxy_header({bytes, before + static_cast<std::size_t>(got)});
  if (header.step == ProxyHeader::Step::malformed) return refuse(header.why);
  if (header.step == ProxyHeader::Step::need_more) {
    seen_.append(bytes + before, static_cast<std::size_t>(got));
    consume(static_cast<std::size_t>(got));
    return;
  }
  if (!consume(header.consumed - before)) return;
  if (header.tells_client) {
    info_.remote = header.source;
    info_.local = header.destination;
  }
  if (entrance_.router()->turns_away(info_.remote, loop().now())) return tear();
  door_.pass_on(*this, door_.behind_proxy(entrance_, info_), nullptr);
}

/// Takes bytes that were looked at. False: the connection is gone.
bool ProxyPreamble::consume(std::size_t bytes) {
  char taken[kMostProxyHeader];
  if (::recv(fd(), taken, bytes, 0) == static_cast<ssize_t>(bytes)) return true;
  tear();
  return false;
}

void ProxyPreamble::refuse(std::string_view why) {
  thread_local LogPace pace;
  if (pace.lets_pass(loop().now())) {
    char ip[46];
    log::warn("a connection of {} without a valid PROXY header is closed: {}", info_.remote.ip_text(ip), why);
  }
  tear();
}

}  // namespace edge
