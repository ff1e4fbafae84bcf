// Fuzz target: what a server answers in HTTP or to uwsgi, whole and a byte at a time, makes one story; its fields can
// be sent on as they are, and none of them frames anything.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/http/field_syntax.h"
#include "proxy/http_codec.h"
#include "proxy/uwsgi_codec.h"
#include "support/codec_story.h"
#include "support/fake_request.h"

namespace {

using namespace edge;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_fields(const HeaderList& fields) {
  for (const HeaderField& field : fields) {
    require(is_token(field.name) && is_field_text(field.value));
    require(field.id != HeaderName::content_length && field.id != HeaderName::transfer_encoding);
    require(field.id != HeaderName::connection);
  }
}

template <class Codec>
std::string heard(Loop& loop, std::string_view method, std::string_view bytes, std::size_t piece) {
  test::FakeRequest fake(loop, method);
  Codec codec({.bytes = 2048, .fields = 20});
  UpstreamRequest request(fake.request);
  request.method = method;
  request.target = "/";
  request.upgrade = "websocket";
  std::string out;
  require(codec.write_head(request, out).has_value());
  const std::string told = test::story(codec, bytes, piece);
  if (told.starts_with("failed: ")) {
    require(codec.error().side == Side::upstream && !codec.reusable());
    return "failed";  // which of several faults is seen first depends on the pieces
  }
  check_fields(codec.response().headers);
  if (codec.trailers()) check_fields(*codec.trailers());
  return told;
}

}  // namespace

/// The first byte chooses the method and the protocol.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Loop loop;
  if (size < 2 || size > 8 * 1024) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view method = (data[0] & 1U) != 0 ? "HEAD" : "GET";
  const auto hear = (data[0] & 2U) != 0 ? heard<UwsgiCodec> : heard<HttpCodec>;
  const std::string whole = hear(loop, method, bytes, bytes.size());
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) require(hear(loop, method, bytes, piece) == whole);
  return 0;
}
