// H1AnswerCodec: the half that reads, of the protocols whose answers are those of HTTP/1: http_codec.h, uwsgi_codec.h.
#pragma once

#include "core/http/h1_response_parser.h"
#include "proxy/upstream_codec.h"

namespace edge {

class H1AnswerCodec : public UpstreamCodec {
 public:
  H1AnswerCodec(HeadLimits limits, bool any_version) : parser_(limits, any_version) {}

  Step read(const char* from, std::size_t size, std::size_t& consumed, std::string_view& content) final;
  Step ended() final { return parser_.ended(); }
  Head& response() final { return parser_.head(); }
  bool reusable() const override { return keep_alive_ && parser_.reusable(); }
  bool begun() const final { return parser_.begun(); }
  const HeaderList* trailers() const final { return parser_.trailers(); }
  const Error& error() const final { return parser_.error(); }

 protected:
  void begin_answer(const UpstreamRequest& request);

 private:
  H1ResponseParser parser_;
  bool keep_alive_ = false;
};

}  // namespace edge
