// UwsgiCodec: an exchange with a uWSGI server: a packet of variables out, the content as it is, and an answer as in
// HTTP/1 that ends with the connection.
#pragma once

#include "proxy/h1_answer_codec.h"

namespace edge {

class UwsgiCodec final : public H1AnswerCodec {
 public:
  explicit UwsgiCodec(HeadLimits limits) : H1AnswerCodec(limits, true) {}

  bool needs_length() const override { return true; }
  Result<void> write_head(const UpstreamRequest& request, std::string& to) override;
  std::size_t most_content() const override { return SIZE_MAX; }
  void begin_content(std::size_t, std::string&) override {}
  void end_content(std::size_t, std::string&) override {}
  void finish_content(std::string&) override {}
  bool reusable() const override { return false; }
};

}  // namespace edge
