// A thread that owns its question and its answer together with whoever asked.
#include "core/net/host_addresses.h"

#include <sys/socket.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "core/duration.h"

namespace edge {

namespace {

constexpr Milliseconds kBetweenLooks{50};  // at `gives_up`

struct Question {
  std::string host;
  std::string port;
  LookUpHost look_up;
  std::mutex mutex;
  std::condition_variable answered;
  bool done = false;    // under mutex
  int reason = 0;       // of getaddrinfo()
  HostAddresses found;  // until it is taken

  void run() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int result = look_up(host.c_str(), port.c_str(), &hints, &list);
    const std::scoped_lock lock(mutex);
    found.reset(result == 0 ? list : nullptr);
    reason = result;
    done = true;
    answered.notify_one();
  }
};

}  // namespace

Result<HostAddresses> look_up_host(const std::string& host, const std::string& port,
                                   const std::function<bool()>& gives_up, LookUpHost look_up) {
  const auto question = std::make_shared<Question>();
  question->host = host;
  question->port = port;
  question->look_up = look_up;
  try {
    std::thread([question] { question->run(); }).detach();
  } catch (const std::system_error& error) {  // out of threads
    return fail(ErrorKind::internal, Side::ours, std::string("cannot be looked up: ") + error.what());
  }
  std::unique_lock lock(question->mutex);
  while (!question->answered.wait_for(lock, kBetweenLooks, [&] { return question->done; })) {
    if (gives_up()) return HostAddresses();
  }
  if (question->reason == 0) return std::move(question->found);
  return fail(ErrorKind::internal, Side::ours, std::string("cannot be looked up: ") + ::gai_strerror(question->reason));
}

}  // namespace edge
