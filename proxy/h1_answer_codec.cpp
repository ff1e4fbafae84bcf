// The parser's events, with heads that say nothing of the connection.
#include "proxy/h1_answer_codec.h"

#include "proxy/hop_by_hop.h"

namespace edge {

void H1AnswerCodec::begin_answer(const UpstreamRequest& request) {
  keep_alive_ = request.keep_alive;
  parser_.begin(request.client.arena, {.head = request.method == "HEAD", .upgrade = request.upgrade});
}

UpstreamCodec::Step H1AnswerCodec::read(const char* from, std::size_t size, std::size_t& consumed,
                                        std::string_view& content) {
  const Step step = parser_.read(from, size, consumed, content);
  if (step != Step::head) return step;
  Head& head = parser_.head();
  const std::string_view protocol = head.headers.get(HeaderName::upgrade);
  remove_hop_by_hop(head.headers);
  if (head.status == 101) head.headers.add(HeaderName::upgrade, protocol);
  return step;
}

}  // namespace edge
