// Handshakes, and a word to who does not speak TLS.
#include "core/http/tls_handshake.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "core/http/door.h"
#include "core/http/h1_connection.h"
#include "core/log.h"
#include "core/log_pace.h"
#include "core/net/tls_stream.h"

namespace edge {

namespace {

std::string page_for_plain_text() {
  constexpr std::string_view kPage = "400 Bad Request\n\nThis port speaks TLS: the address begins with https://\n";
  return fmt::format(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      kPage.size(), kPage);
}

}  // namespace

TlsHandshake::TlsHandshake(Door& door, Entrance& entrance, const ConnectionInfo& info)
    : ConnectionBeginning(door, entrance, info), sites_(entrance.front().tls) {}

TlsHandshake::~TlsHandshake() = default;

void TlsHandshake::on_readable() {
  if (answered_) return discard_input();
  step();
}

void TlsHandshake::on_writable() {
  if (!answered_) return step();
  if (has_pending()) send_pending();
  if (gone() || has_pending()) return;
  want_write(false);
  linger();
}

void TlsHandshake::step() {
  if (!stream_) stream_ = std::make_unique<TlsStream>(sites_, door_.tls_output(), fd());
  switch (stream_->handshake()) {
    case TlsStream::Step::done:
      return agreed();
    case TlsStream::Step::wants_read:
      return want_write(false);
    case TlsStream::Step::wants_write:
      return want_write(true);
    case TlsStream::Step::not_tls:
      return answer_plain_text();
    case TlsStream::Step::failed:
      complain(stream_->error());
      return tear();
  }
}

void TlsHandshake::agreed() {
  disarm();
  std::unique_ptr<ClientConnection> next = door_.http_connection(entrance_, info_, stream_->alpn() == "h2");
  door_.pass_on(*this, std::move(next), std::move(stream_));
}

void TlsHandshake::answer_plain_text() {
  complain("it speaks HTTP without TLS, and was told so with a 400");
  stream_.reset();
  answered_ = true;
  queue(page_for_plain_text());
  if (!flush_output() || has_pending()) return;
  linger();
}

void TlsHandshake::complain(std::string_view why) {
  thread_local LogPace pace;
  if (!pace.lets_pass(loop().now())) return;
  char ip[46];
  log::info("TLS handshake with {} failed: {}", info_.remote.ip_text(ip), why);
}

}  // namespace edge
