// Chunks for the pump.
#include "proxy/proxy_body.h"

namespace edge {

Task<Result<BodySource::Chunk>> ProxyBody::pull() {
  std::string_view piece;
  if (exchange_->has_piece()) {
    piece = exchange_->take_piece();
  } else {
    const Result<std::string_view> later = co_await exchange_->more();
    if (!later) co_return std::unexpected(later.error());
    piece = *later;
  }
  const bool last = piece.empty() || exchange_->complete();
  if (!last) exchange_->read_ahead(ahead_);
  co_return Chunk{piece, last};
}

}  // namespace edge
