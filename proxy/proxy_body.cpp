// Chunks for the pump.
#include "proxy/proxy_body.h"

namespace edge {

Task<Result<BodySource::Chunk>> ProxyBody::pull() {
  const Result<std::string_view> piece = co_await exchange_->more();
  if (!piece) co_return std::unexpected(piece.error());
  const bool last = piece->empty() || exchange_->complete();
  if (!last) exchange_->read_ahead(ahead_);
  co_return Chunk{*piece, last};
}

}  // namespace edge
