// PublicSocket: the uwsgi protocol on a listener of its own, for nginx's uwsgi_pass and others that speak it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/http/door.h"

namespace edge::uwsgi {

/// One a listener and loop. What it says to those who speak something else is made once.
class PublicSocket final : public Protocol {
 public:
  /// `app` is the only app behind the listener; `http` where HTTP is served ("http://127.0.0.1:80"), or empty.
  PublicSocket(Loop& loop, std::string app, std::string_view http);

  /// As `http` above, from now on.
  void http_is_at(std::string_view http);

  std::unique_ptr<ClientConnection> connection(Door& door, Entrance& entrance, const ConnectionInfo& info) override;

  /// The answer to whoever speaks HTTP here: complete, and the last of its connection.
  const std::string& page_for_http() const { return page_for_http_; }
  /// Logs why a client was turned away: once a second, however many there are.
  void complain(std::string_view why);

 private:
  Loop& loop_;
  std::string app_;
  std::string page_for_http_;
  std::int64_t complained_at_ = 0;  // seconds since the epoch
};

}  // namespace edge::uwsgi
