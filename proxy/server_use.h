// ServerUse: a request's place on a server, from the choice to the end of the answer, and what came of it.
#pragma once

#include <memory>
#include <utility>

#include "proxy/server.h"

namespace edge {

/// Of one loop. Gives the place back when it ends. At most one of succeeded() and failed() is called; with neither (the
/// client left) nothing is learned about the server.
class ServerUse {
 public:
  ServerUse() = default;
  /// After server->enter() at `began`.
  ServerUse(std::shared_ptr<Server> server, std::uint64_t began) : server_(std::move(server)), began_(began) {}
  ServerUse(ServerUse&&) noexcept = default;
  ServerUse& operator=(ServerUse&& other) noexcept {
    if (this != &other) end();
    server_ = std::move(other.server_);
    began_ = other.began_;
    return *this;
  }
  ~ServerUse() { end(); }

  explicit operator bool() const { return server_ != nullptr; }
  Server& operator*() const { return *server_; }
  Server* operator->() const { return server_.get(); }
  const std::shared_ptr<Server>& server() const { return server_; }

  /// The head of an answer came, whatever its status, `latency` after the request was sent. True: its rest is over.
  bool succeeded(std::uint64_t now, Microseconds latency) { return server_->note_success(began_, now, latency); }
  /// It could not be reached, was too slow, broke off or spoke nonsense.
  void failed(std::uint64_t now, const EjectSettings& settings, ErrorKind why) {
    server_->note_failure(began_, now, settings, why);
  }
  void end() {
    if (server_) server_->leave();
    server_.reset();
  }

 private:
  std::shared_ptr<Server> server_;
  std::uint64_t began_ = 0;
};

}  // namespace edge
