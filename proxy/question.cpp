// Two ends that a question can come to before its answer.
#include "proxy/question.h"

namespace edge {

Question::Question(Request& of, Milliseconds timeout) : client_(of.cancellation), request_(of.loop, of.arena, none_) {
  request_.method_name = "GET";
  request_.host = of.host;
  request_.version = of.version;
  request_.connection = of.connection;
  request_.tls_stream = of.tls_stream;
  request_.forwarded = of.forwarded;
  request_.site = of.site;
  request_.route = of.route;
  request_.begun = of.begun;
  request_.user = of.user;
  request_.auth_type = of.auth_type;
  request_.rule_tag = of.rule_tag;
  client_.enter(*this);
  of.loop.arm(*this, timeout);
}

Question::~Question() {
  if (!client_.requested()) client_.leave();
}

void Question::on_deadline() {
  timed_out_ = true;
  request_.cancellation.request();
}

}  // namespace edge
