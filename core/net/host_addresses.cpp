// getaddrinfo() on a thread of its own, which is asked every few milliseconds whether it has ended.
#include "core/net/host_addresses.h"

#include <sys/socket.h>

#include <utility>

#include "core/duration.h"
#include "core/net/lone_work.h"

namespace edge {

namespace {

constexpr Milliseconds kBetweenLooks{50};  // at `gives_up`

struct Answer {
  int reason = 0;  // of getaddrinfo()
  HostAddresses found;
};

Answer ask(const std::string& host, const std::string& port, LookUpHost look_up) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int reason = look_up(host.c_str(), port.c_str(), &hints, &list);
  return {reason, HostAddresses(reason == 0 ? list : nullptr)};
}

}  // namespace

Result<HostAddresses> look_up_host(const std::string& host, const std::string& port,
                                   const std::function<bool()>& gives_up, LookUpHost look_up) {
  Result<LoneWork<Answer>> work = LoneWork<Answer>::start([=] { return ask(host, port, look_up); });
  if (!work) return fail(ErrorKind::internal, Side::ours, "cannot be looked up: " + work.error().context);
  std::optional<Answer> answer;
  while (!(answer = work->take(kBetweenLooks))) {
    if (gives_up()) return HostAddresses();
  }
  if (answer->reason == 0) return std::move(answer->found);
  return fail(ErrorKind::internal, Side::ours, std::string("cannot be looked up: ") + ::gai_strerror(answer->reason));
}

}  // namespace edge
