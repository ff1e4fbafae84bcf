// HttpCodec: an exchange with a server in HTTP/1.1 (RFC 9112).
#pragma once

#include "proxy/h1_answer_codec.h"

namespace edge {

class HttpCodec final : public H1AnswerCodec {
 public:
  explicit HttpCodec(HeadLimits limits) : H1AnswerCodec(limits, false) {}

  bool needs_length() const override { return false; }
  Result<void> write_head(const UpstreamRequest& request, std::string& to) override;
  std::size_t most_content() const override { return SIZE_MAX; }
  void begin_content(std::size_t size, std::string& to) override;
  void end_content(std::size_t size, std::string& to) override;
  void finish_content(std::string& to) override;

 private:
  bool chunked_ = false;
};

}  // namespace edge
