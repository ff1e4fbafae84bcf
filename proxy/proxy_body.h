// ProxyBody: the body of a server's answer, sent to the client while it comes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/from_free_lists.h"
#include "core/http/response.h"
#include "proxy/server_exchange.h"

namespace edge {

class ProxyBody final : public BodySource, public FromFreeLists {
 public:
  /// So many bytes may be taken from the server before the client has them.
  ProxyBody(std::unique_ptr<ServerExchange> exchange, std::size_t ahead)
      : exchange_(std::move(exchange)), length_(exchange_->head().length), ahead_(ahead) {}

  std::optional<std::uint64_t> length() const override { return length_; }
  bool waits() const override { return !exchange_->has_more(); }
  Task<Result<Chunk>> pull() override;
  const HeaderList* trailers() const override { return exchange_->trailers(); }

 private:
  std::unique_ptr<ServerExchange> exchange_;
  const std::optional<std::uint64_t> length_;
  const std::size_t ahead_;
};

}  // namespace edge
