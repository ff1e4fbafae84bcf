// The packet; uWSGI makes its handshake of a WebSocket from the variables, as from the fields of HTTP.
#include "proxy/uwsgi_codec.h"

#include <memory>

#include "proxy/cgi_request.h"

namespace edge {

Result<void> UwsgiCodec::write_head(const UpstreamRequest& request, std::string& to) {
  Result<uwsgi::ToldRequest> told = told_request(request);
  if (!told) return std::unexpected(told.error());
  if (!request.upgrade.empty()) {
    told->headers.add(HeaderName::connection, "Upgrade");
    told->headers.add(HeaderName::upgrade, request.upgrade);
  }
  const std::unique_ptr<char[]> packet(new char[uwsgi::kHeaderSize + uwsgi::kMaxBlock]);
  uwsgi::BlockWriter block(packet.get() + uwsgi::kHeaderSize, uwsgi::kMaxBlock);
  uwsgi::add_vars(*told, block);
  if (block.overflowed()) return too_many_variables();
  uwsgi::encode_header({.block_size = static_cast<std::uint16_t>(block.size())}, packet.get());
  to.append(packet.get(), uwsgi::kHeaderSize + block.size());
  begin_answer(request);
  return {};
}

}  // namespace edge
