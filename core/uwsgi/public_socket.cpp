// Connections of the uwsgi protocol, and a word to those who do not speak it.
#include "core/uwsgi/public_socket.h"

#include <utility>

#include "core/log.h"
#include "core/uwsgi/connection.h"

namespace edge::uwsgi {

PublicSocket::PublicSocket(Loop& loop, std::string app, std::string_view http) : loop_(loop), app_(std::move(app)) {
  http_is_at(http);
}

void PublicSocket::http_is_at(std::string_view http) {
  const std::string page = fmt::format(
      "400 Bad Request\n\nThis port speaks the uwsgi protocol, for the app {}: it is for nginx's uwsgi_pass.\n{}\n",
      app_, http.empty() ? std::string("HTTP is not served here.") : fmt::format("HTTP is at {}.", http));
  page_for_http_ = fmt::format(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      page.size(), page);
}

std::unique_ptr<ClientConnection> PublicSocket::connection(Door& door, Entrance& entrance, const ConnectionInfo& info) {
  return std::make_unique<Connection>(*this, door, entrance, info);
}

void PublicSocket::complain(std::string_view why) {
  const std::int64_t now = loop_.unix_seconds();
  if (std::exchange(complained_at_, now) != now) log::warn("[{}] uwsgi socket: {}", app_, why);
}

}  // namespace edge::uwsgi
